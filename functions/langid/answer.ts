// What the model's numbers say in words that a caller understands.
import { LANGUAGES, type Language } from './languages.ts';

export interface Answer {
  readonly language: Language;
  /** From 0 to 1, four decimals. */
  readonly confidence: number;
  /** The likeliest five, highest first; the confidence of each. */
  readonly scores: Readonly<Partial<Record<Language, number>>>;
}

export function answerOf(logits: Float32Array): Answer {
  const highest = Math.max(...logits);
  const powers = LANGUAGES.map((language, index) => ({ language, power: Math.exp((logits[index] ?? -Infinity) - highest) }));
  const sum = powers.reduce((total, { power }) => total + power, 0);
  const scores = powers
    .map(({ language, power }) => [language, Math.round((power / sum) * 10_000) / 10_000] as const)
    .toSorted(([, a], [, b]) => b - a);
  const [language, confidence] = scores[0] ?? ['en', 0];
  return { language, confidence, scores: Object.fromEntries(scores.slice(0, 5)) };
}
