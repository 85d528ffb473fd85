// A file that ends in .txt is imported as its text: the bundler does that, and this tells the compiler.
declare module '*.txt' {
  const text: string;
  export default text;
}
