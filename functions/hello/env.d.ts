// Written by `pilotlight types` from the manifest and its models. Run it again when they change.

/** What the handler of `hello` finds in `env`. */
export interface Env {
  /** From `vars` of the manifest. */
  readonly GREETING: string;
}
