// When each error comes and what would do, besides its status. The type asks for an entry for each code, so a new
// code cannot be forgotten.
import type { ErrorCode } from '../../runtime/errors.ts';

/** Who meets it: a caller of a function, whoever deploys or runs the host, or nobody in this release. */
export type Audience = 'caller' | 'operator' | 'nobody yet';

export interface ErrorAdvice {
  readonly audience: Audience;
  readonly when: string;
  readonly what: string;
}

export const ERROR_ADVICE: Readonly<Record<ErrorCode, ErrorAdvice>> = {
  BAD_REQUEST: {
    audience: 'caller',
    when: 'The request is not HTTP/1.1, its target or `Host` header is no address, or the admin API was sent something it does ' +
      'not know.',
    what: 'The text names the part that is wrong. Correct it.',
  },
  BAD_TENSOR: {
    audience: 'caller',
    when: 'A handler called `run()` with a wrong name, element type, shape or length. Nothing was sent to the engine.',
    what: 'Correct the handler. `pilotlight types` writes the names, types and shapes that the model takes.',
  },
  NO_TOKEN: {
    audience: 'operator',
    when: 'The admin API was called without its bearer token, or with another one.',
    what: 'Set `PILOTLIGHT_TOKEN`, or name the host\'s store with `--store` on the machine it runs on.',
  },
  FORBIDDEN: {
    audience: 'operator',
    when: 'The admin API was called under a name that is not this host\'s, or by a web page of another origin.',
    what: 'Call it by its address, `localhost`, its host name or the name in `adminHost`.',
  },
  NO_ROUTE: {
    audience: 'caller',
    when: 'No deployed function has a route for this path; or the admin API has nothing there.',
    what: '`pilotlight functions` lists the routes. Functions and the admin API answer on different ports.',
  },
  NO_FUNCTION: {
    audience: 'operator',
    when: 'A command names a function that is not deployed.',
    what: '`pilotlight functions` lists those that are.',
  },
  NO_VERSION: {
    audience: 'caller',
    when: 'The header `Pilotlight-Version` asks for a version that is no part of what is deployed, or a rollback or split for one that is no longer kept.',
    what: '`pilotlight versions NAME` lists what is kept; `versionsKept` says how many are.',
  },
  BAD_METHOD: {
    audience: 'caller',
    when: 'A route has this path, but for other methods.',
    what: 'Use one of those in the `Allow` header.',
  },
  BODY_TIMEOUT: {
    audience: 'caller',
    when: 'The caller began a request and then fell silent: 10 s without a byte of the body, or without a whole head.',
    what: 'Send the request without long pauses.',
  },
  ROUTE_CONFLICT: {
    audience: 'operator',
    when: 'Two functions want the same requests. The text names both and both routes.',
    what: 'Change a route in one of the manifests, or delete the other function.',
  },
  BODY_TOO_LARGE: {
    audience: 'caller',
    when: 'The request\'s body is larger than the function\'s `limits.bodyBytesMax`.',
    what: 'Send less, or raise the limit in the manifest.',
  },
  BAD_MANIFEST: {
    audience: 'operator',
    when: 'The manifest breaks a rule, names a field that is not supported yet, or a secret that has no value.',
    what: 'The text gives file, line and column, and for a misspelled name the nearest right one.',
  },
  BAD_BUNDLE: {
    audience: 'operator',
    when: 'A file that the manifest names is missing, may not travel (a link out of the folder) or changed while it was sent.',
    what: 'The text names the file. Put it right and deploy again.',
  },
  BAD_HANDLER: {
    audience: 'operator',
    when: 'The handler does not compile, an import is missing, its import throws, it exports no `fetch`, or it is not ready ' +
      'within `limits.initTimeoutMs`.',
    what: 'The text gives the place or the reason. `pilotlight check` finds the first half without a host.',
  },
  BAD_MODEL: {
    audience: 'operator',
    when: 'The engine cannot use the model file: it is no model, is cut short, or has an operator that the engine does not know. Or the host has no device that the manifest allows, or no variant ' +
      'of the model fits it.',
    what: 'The text is the engine\'s: export the model again, or for an older operator set. Of variants it has the reason against each: add one without `when`.',
  },
  WARMUP_FAILED: {
    audience: 'operator',
    when: 'While it was warmed, the model gave NaN, a wrong shape or not what a sample expects; or a golden request was answered ' +
      'wrong.',
    what: 'The text names sample or request, slot or isolate, what was wanted and what was found. The old version still serves.',
  },
  QUEUE_FULL: {
    audience: 'caller',
    when: 'All slots of a model run and `queue.max` jobs wait already.',
    what: 'Try again after `Retry-After`. If it lasts: more slots, a longer queue, or fewer callers.',
  },
  TOO_BUSY: {
    audience: 'caller',
    when: 'The function has `limits.concurrency` requests in the host, or `loadWaitersMax` requests wait for one load, or 32 ' +
      'rollouts of the function wait.',
    what: 'Try again after `Retry-After`.',
  },
  HEADERS_TOO_LARGE: {
    audience: 'caller',
    when: 'The request\'s headers have more than 16 KiB.',
    what: 'Send smaller headers; cookies are the usual cause.',
  },
  CLIENT_CLOSED: {
    audience: 'operator',
    when: 'The caller left before the answer was complete. Seen in logs, traces and metrics only.',
    what: 'Nothing, unless it is often: then callers wait for less time than answers take.',
  },
  HANDLER_FAILED: {
    audience: 'caller',
    when: 'The handler threw or rejected. The caller is not told why; the log is.',
    what: 'Look for the request id in the host\'s log.',
  },
  ENGINE_FAILED: {
    audience: 'caller',
    when: 'The engine failed during a run; or the native addon cannot be loaded.',
    what: 'The text is the engine\'s. Inputs that the model cannot work with are the usual cause.',
  },
  INTERNAL: {
    audience: 'operator',
    when: 'The host met what it did not expect: a bug of its own. What was deployed before goes on.',
    what: 'Try again. If it comes back, report it with the text.',
  },
  STORE_FAILED: {
    audience: 'operator',
    when: 'The store cannot be read or written, is damaged, or another host uses it. Nothing was changed.',
    what: 'The text names the path and what would do.',
  },
  BAD_SETTING: {
    audience: 'operator',
    when: 'A setting is unknown or has a wrong value, or a port cannot be had. The host does not start.',
    what: 'The text names the flag, variable or line, and the nearest right name. `pilotlight serve --print-config` shows where ' +
      'each value comes from.',
  },
  ISOLATE_LOST: {
    audience: 'caller',
    when: 'The isolate that ran this request ended: its handler exited, threw outside of a request, looped past its deadline, or ' +
      'held more memory than `limits.heapMiB`.',
    what: 'Try again: the spare has taken over. The log says why it ended.',
  },
  BAD_RESPONSE: {
    audience: 'caller',
    when: 'The handler gave something that is no response, a body larger than `limits.responseBytesMax`, or another length than ' +
      'it declared.',
    what: 'Correct the handler; the text says what it gave.',
  },
  QUEUE_TIMEOUT: {
    audience: 'caller',
    when: 'The job waited longer than `queue.timeoutMs` for a slot.',
    what: 'Try again after `Retry-After`. If it lasts: more slots, or a smaller queue, so that callers are told sooner.',
  },
  LOAD_FAILED: {
    audience: 'caller',
    when: 'A model could not be loaded, not within its limit (`limits.initTimeoutMs` in a deploy or restart, 60 s on ' +
      'request), or an isolate not started; or it failed a moment ago and is tried again later (1 s after ' +
      'the first failure, up to 30 s).',
    what: 'Try again after `Retry-After`. The log has the first failure; `pilotlight doctor` says whether a library is missing. A load that has not ended 15 s ' +
      'after its limit makes the host restart, since its thread cannot be stopped.',
  },
  NO_MEMORY: {
    audience: 'caller',
    when: 'A model that is not loaded found no room on its device: pinned models, or such as are in use, hold too much of the budget; ' +
      'or the device or the system itself had no memory for a load or a run, because other processes have taken it.',
    what: 'Try again after `Retry-After`. If it lasts: a larger budget (setting `devices`), fewer pinned models, fewer slots. `pilotlight pools` and ' +
      '`pilotlight devices` show who holds how much.',
  },
  NOT_RESIDENT: {
    audience: 'caller',
    when: 'A run met a model that is not loaded. Isolates answer it themselves by asking for the load, so callers do not see it.',
    what: 'Try again.',
  },
  DRAINING: {
    audience: 'caller',
    when: 'The request was still running when its version was replaced or the host stopped, and `drainTimeoutMs` has passed; or ' +
      'the host takes nothing new because it stops; or old and new version have no room side by side, and the gap between them is expected to last ' +
      'longer than the request may.',
    what: 'Try again, after `Retry-After` where it is given: another version or host answers.',
  },
  DEVICE_LOST: {
    audience: 'caller',
    when: 'A GPU failed in a way that only a new process gets over (an illegal address in a kernel, for example), or it is not there any more since the host restarted. ' +
      'What ran or waited on it is answered so, and the host is restarted by its supervisor.',
    what: 'Try again, after `Retry-After` where it is given: the host restarts. If it stays: the log names the device and the reason (`device.lost`); `pilotlight doctor` tells which ' +
      'devices the host has.',
  },
  RESTARTING: {
    audience: 'caller',
    when: 'The host process is being restarted and has taken longer than `restartWaitMs`.',
    what: 'Try again after `Retry-After`. The log names the function that was running when the process died.',
  },
  QUARANTINED: {
    audience: 'caller',
    when: 'The version was at work (its model being loaded, warmed or run) in each of three deaths of the host in a row, so the host does not run it ' +
      'any more. Other functions serve on.',
    what: 'The text names the version and how the host died. Correct it and deploy it, or roll it back; deploying the same version again tries it once more. ' +
      '`pilotlight functions` and `pilotlight doctor` show what is quarantined.',
  },
  OVERLOADED: {
    audience: 'caller',
    when: 'An ingress thread holds as many connections as it may (20,000); or the function needs an isolate and all that ' +
      '`isolatesMax` allows are busy.',
    what: 'Try again after `Retry-After`, on another connection. Callers that keep many idle connections are the usual cause of the first, ' +
      'a larger `isolatesMax` or fewer `isolates` in manifests would do for the second.',
  },
  DEADLINE: {
    audience: 'caller',
    when: 'The handler has not answered within `limits.timeoutMs`. Its model runs were stopped too.',
    what: 'Try again, or raise the limit if the work takes that long.',
  },
  NEVER_FITS: {
    audience: 'operator',
    when: 'A model is larger than the budget of each device that its manifest allows, or than what pinned models leave of it: those of other functions, and of ' +
      'versions beside which it shall answer in a split. The text has need and have of each.',
    what: 'A larger budget (setting `devices`), another `device`, fewer pinned models, fewer slots, a smaller model, or a deploy without a split.',
  },
};
