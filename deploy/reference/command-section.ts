// Every command with its own help text: what the reference says is what `--help` says.
import { createProgram } from '../cli/program.ts';
import { PLAIN, type Terminal } from '../cli/terminal.ts';

type Command = ReturnType<typeof createProgram>;

const COLUMNS = 110;

export function commandSection(): string {
  return leaves(createProgram(paper()), []).map(({ words, command }) => {
    const summary = command.summary();
    return `## ${words.join(' ')}\n\n${summary.charAt(0).toUpperCase()}${summary.slice(1)}.\n\n\`\`\`text\n${helpOf(command)}\n\`\`\``;
  }).join('\n\n');
}

interface Leaf {
  readonly words: readonly string[];
  readonly command: Command;
}

function leaves(command: Command, before: readonly string[]): readonly Leaf[] {
  const words = [...before, command.name()];
  return command.commands.length === 0 ? [{ words, command }] : command.commands.flatMap((one) => leaves(one, words));
}

/** With the examples that follow it. */
function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({ writeOut: (part) => void (text += part) });
  command.outputHelp();
  return text.trim();
}

function paper(): Terminal {
  return {
    env: {}, folder: '.', isLive: false, columns: COLUMNS, paint: PLAIN,
    input: { [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve({ done: true, value: undefined }) }) },
    out: () => {}, err: () => {}, interrupted: () => new AbortController().signal,
  };
}
