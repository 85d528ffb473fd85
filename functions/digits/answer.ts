// What the model's ten numbers say in words that a caller understands.

export interface Answer {
  readonly digit: number;
  /** From 0 to 1, four decimals: the softmax of the winning number. */
  readonly confidence: number;
}

export function answerOf(logits: Float32Array): Answer {
  const highest = Math.max(...logits);
  const sum = logits.reduce((total, logit) => total + Math.exp(logit - highest), 0);
  return { digit: logits.indexOf(highest), confidence: Math.round(10_000 / sum) / 10_000 };
}
