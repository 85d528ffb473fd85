// What the process and this thread hold, as the system tells it. It is told through a file: where no descriptor is free there is
// no answer, and that is no reason to end.

/** Of the whole process; undefined: not to be had now. */
export function residentBytes(): number | undefined {
  return unlessRefused(() => process.memoryUsage.rss());
}

export interface MemoryUse {
  readonly heapBytes: number;
  readonly bufferBytes: number;
}

/** Of this thread; undefined: not to be had now. */
export function threadMemory(): MemoryUse | undefined {
  return unlessRefused(() => {
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return { heapBytes: heapUsed, bufferBytes: arrayBuffers };
  });
}

function unlessRefused<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
