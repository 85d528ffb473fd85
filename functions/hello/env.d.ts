// Written by `pilotlight types` from pilotlight.jsonc: what the handler finds in `env`.
export interface Env {
  readonly GREETING: string;
}
