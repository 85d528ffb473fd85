// Every name that telemetry shows, once. OpenTelemetry's semantic conventions first (FaaS and HTTP), our own
// few under `pilotlight.`.

export const ATTRIBUTES = {
  faasName: 'faas.name',
  faasVersion: 'faas.version',
  faasTrigger: 'faas.trigger',
  faasColdstart: 'faas.coldstart',
  faasInvocationId: 'faas.invocation.id',
  httpMethod: 'http.request.method',
  httpRoute: 'http.route',
  httpStatus: 'http.response.status_code',
  urlScheme: 'url.scheme',
  urlPath: 'url.path',
  errorType: 'error.type',
  start: 'pilotlight.start',
  binding: 'pilotlight.binding',
  pool: 'pilotlight.pool',
  kind: 'pilotlight.kind',
  reason: 'pilotlight.reason',
  bytes: 'pilotlight.bytes',
  idleSeconds: 'pilotlight.idle_seconds',
  step: 'pilotlight.step',
  state: 'pilotlight.state',
  outcome: 'pilotlight.outcome',
  shape: 'pilotlight.shape',
  slot: 'pilotlight.slot',
  device: 'pilotlight.device',
  hwId: 'hw.id',
  golden: 'pilotlight.golden',
  gapMs: 'pilotlight.gap_ms',
} as const;

export const METRICS = {
  /** How long do callers wait? */
  httpDuration: 'http.server.request.duration',
  /** How long do handlers take? */
  invokeDuration: 'faas.invoke_duration',
  /** How long do loads take, whole? */
  initDuration: 'faas.init_duration',
  /** How often did a caller pay for a start? */
  coldstarts: 'faas.coldstarts',
  errors: 'faas.errors',
  timeouts: 'faas.timeouts',
  /** What does a cold or joined start cost against a warm one? */
  startDuration: 'pilotlight.invoke.duration',
  /** Is a pool large enough, and is anybody waiting? */
  poolSlots: 'pilotlight.pool.slots',
  poolBusy: 'pilotlight.pool.busy',
  poolWaiting: 'pilotlight.pool.waiting',
  poolHit: 'pilotlight.pool.hit',
  poolMiss: 'pilotlight.pool.miss',
  poolQueueFull: 'pilotlight.pool.queue_full',
  poolQueueTimeout: 'pilotlight.pool.queue_timeout',
  poolFailures: 'pilotlight.pool.failures',
  poolQueueTime: 'pilotlight.pool.queue_time',
  poolRunTime: 'pilotlight.pool.run_time',
  /** Whose bytes are on the device? */
  deviceMemory: 'pilotlight.device.memory',
  /** By how much does what engines hold now differ from the ledger? */
  deviceDrift: 'pilotlight.device.drift',
  /** Does demand cycle over more than fits? */
  deviceThrashing: 'pilotlight.device.thrashing',
  /** Which models are given up, and why? */
  poolEvictions: 'pilotlight.pool.evictions',
  /** Which models failed their check, how, and did loading them again help? */
  poolRepairs: 'pilotlight.pool.repairs',
  loadFailures: 'pilotlight.load.failures',
  /** Which step of a load takes the time? */
  loadDuration: 'pilotlight.load.duration',
  rolloutDuration: 'pilotlight.rollout.duration',
  /** How often was an isolate lost? */
  isolateStarts: 'pilotlight.isolate.starts',
} as const;

/** Histogram bounds in seconds: warm calls end below 5 ms, cold starts may take a minute. */
export const DURATION_BOUNDS_S: readonly number[] = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
];
