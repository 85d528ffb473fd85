// The languages that the model tells apart, by ISO 639-1 code, in the order of its outputs.
export const LANGUAGES = [
  'cs', 'da', 'de', 'el', 'en', 'es', 'fi', 'fr', 'hu', 'id', 'it', 'ja', 'ko', 'nl', 'pl', 'pt', 'ru', 'sv', 'uk', 'zh',
] as const;

export type Language = (typeof LANGUAGES)[number];
