// Turns text into the model's tokens, as the tokenizer does that the model was trained with: BERT's word pieces, lower-cased. A test
// holds it to that one's answers on a thousand texts.
import { Tokenizer } from '@huggingface/tokenizers';

/** What the model was trained to read; the rest of a longer text is cut off. */
export const TOKENS_MAX = 256;

const [PAD, UNKNOWN, BEGIN, END, MASK] = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];

// Ideographs that the library does not split from each other and the reference does.
const RARE_IDEOGRAPHS = /[\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\u{2f800}-\u{2fa1f}]/gu;

/** `vocabulary` has a word piece a line, the first one's id being 0. */
export function tokenizerOf(vocabulary: string): (text: string) => readonly number[] {
  const pieces = vocabulary.trimEnd().split('\n');
  const vocab = Object.fromEntries(pieces.map((piece, id) => [piece, id]));
  const idOf = (piece: string): number => vocab[piece] ?? fail(piece);
  const tokenizer = new Tokenizer(settingsOf(vocab, idOf), {});
  const end = idOf(END);
  return (text) => {
    const { ids } = tokenizer.encode(asReference(text));
    return ids.length <= TOKENS_MAX ? ids : [...ids.slice(0, TOKENS_MAX - 1), end];
  };
}

/** JavaScript lower-cases a sigma by its place in the word, the reference each letter by itself. */
function asReference(text: string): string {
  return text.replaceAll('Σ', 'σ').replace(RARE_IDEOGRAPHS, ' $& ');
}

/** In the form of a `tokenizer.json`. */
function settingsOf(vocab: Readonly<Record<string, number>>, idOf: (piece: string) => number): object {
  const special = (content: string): object => ({ id: idOf(content), content, special: true, single_word: false, lstrip: false, rstrip: false, normalized: false });
  const framed = (piece: string): object => ({ SpecialToken: { id: piece, type_id: 0 } });
  const token = (piece: string): object => ({ id: piece, ids: [idOf(piece)], tokens: [piece] });
  return {
    added_tokens: [PAD, UNKNOWN, BEGIN, END, MASK].map(special),
    normalizer: { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase: true },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [framed(BEGIN), { Sequence: { id: 'A', type_id: 0 } }, framed(END)],
      pair: [],
      special_tokens: { [BEGIN]: token(BEGIN), [END]: token(END) },
    },
    decoder: null,
    model: { type: 'WordPiece', unk_token: UNKNOWN, continuing_subword_prefix: '##', max_input_chars_per_word: 100, vocab },
  };
}

function fail(piece: string): never {
  throw new Error(`the vocabulary has no ${piece}`);
}
