// Devices load side by side, each its own pools one after the other.

/** `work` for each, in the order given on each device. Nothing more begins after a failure; rejects with it when all that began has ended. */
export async function eachDevice<Item>(items: readonly Item[], deviceOf: (item: Item) => string | undefined, work: (item: Item) => Promise<void>): Promise<void> {
  const devices = [...new Set(items.map(deviceOf))];
  const failures: unknown[] = [];
  await Promise.all(devices.map(async (device) => {
    for (const item of items) {
      if (deviceOf(item) === device && failures.length === 0) await work(item).catch((error: unknown) => failures.push(error));
    }
  }));
  if (failures.length > 0) throw failures[0];
}
