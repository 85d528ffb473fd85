// The engine module of a real host: every isolate submits to the native pools that all threads share.
import { NativeClient } from '../engine/native-client.ts';
import type { EngineClient } from '../engine/port.ts';

export function openEngineClient(): EngineClient {
  return new NativeClient();
}
