// Whatever is wrong with a picture that was sent. The text is for the caller: the handler answers 400 with it.
export class BadPicture extends Error {}
