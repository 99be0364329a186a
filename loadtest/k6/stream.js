// What the k6 scripts of both streams share: when to send, what may be in flight, and what is written down at the end.

import { check } from 'k6'
import { Counter, Trend } from 'k6/metrics'
import { clearInterval, setInterval } from 'k6/timers'
import { namedEventText, streams } from '../scenarios.ts'

const { connections, eventBytes, inFlightMax } = streams
const eventsPerSecond = Number(__ENV.EVENTS_PER_SECOND || streams.eventsPerSecond)
const durationSeconds = Number(__ENV.SECONDS || streams.durationSeconds)
const tickMs = 50
/** Nothing is heard of events in flight for so long: the stream is ended, and its sender was told nothing. */
const silenceMsMax = 30_000

/**
 * The console of k6, which its types do not know. Before the test begins there is another one, so it is asked for each time.
 * @returns {{ log (text: string): void, warn (text: unknown): void }}
 */
export function out () {
  return Reflect.get(globalThis, 'console')
}

const written = new Counter('events_written')
const refused = new Counter('events_refused')
const unknown = new Counter('events_unknown')
const untold = new Counter('events_untold')
const ackMs = new Trend('ack_ms', true)

/** @type {import('k6/options').Options} */
export const options = {
  scenarios: {
    streams: {
      executor: 'per-vu-iterations', vus: connections, iterations: 1,
      maxDuration: `${durationSeconds + silenceMsMax / 1_000 + 30}s`
    }
  },
  // Tells whether answers are right, not whether this machine is fast.
  thresholds: { checks: ['rate==1'], events_unknown: ['count==0'], events_untold: ['count==0'] },
  summaryTrendStats: ['med', 'p(95)', 'p(99)', 'max']
}

/**
 * One stream. `send` puts an event on the wire, `close` ends the connection. Call `opened` once events may be
 * sent and whenever the window changes, `acked` and `nacked` as the server says, and `ended` when the connection is gone.
 * @param {string} name
 * @param {{ send: (id: number, key: string, text: string) => void, close: () => void }} wire
 */
export function createStream (name, { send, close }) {
  let lastId = 0
  let acked = 0
  let window = 0
  let owed = 0
  let heardAtMs = Date.now()
  let isDone = false
  /** @type {number[]} */
  const refusedIds = []
  /** @type {number[]} */
  const unknownIds = []
  /** @type {number[]} */
  const sentAtMs = []
  /** @type {number | undefined} */
  let timer
  const startMs = Date.now()

  function tick () {
    const nowMs = Date.now()
    const isOver = nowMs - startMs > durationSeconds * 1_000
    owed = isOver ? 0 : Math.min(owed + eventsPerSecond * tickMs / 1_000, inFlightMax)
    for (; owed >= 1 && lastId - acked < Math.min(window, inFlightMax); owed--) {
      const key = `${name}-${++lastId}`
      sentAtMs[lastId] = nowMs
      send(lastId, key, namedEventText(key, eventBytes))
    }
    if (lastId === acked) heardAtMs = nowMs
    if ((isOver && lastId === acked) || nowMs - heardAtMs > silenceMsMax) end()
  }

  function end () {
    if (isDone) return
    isDone = true
    if (timer !== undefined) clearInterval(timer)
    written.add(acked - refusedIds.length - unknownIds.length)
    refused.add(refusedIds.length)
    unknown.add(unknownIds.length)
    untold.add(lastId - acked)
    check(null, {
      'every event has its outcome': () => lastId === acked,
      'nothing is refused': () => refusedIds.length === 0
    })
    // The history checker reads this: ids count from 1, those up to `acked` have an outcome.
    out().log(JSON.stringify({ name, sentCount: lastId, acked, refused: refusedIds, unknown: unknownIds }))
    close()
  }

  return {
    /** @param {number} credit */
    opened (credit) {
      window = credit
      timer ??= setInterval(tick, tickMs)
    },
    /** @param {number} id */
    acked (id) {
      heardAtMs = Date.now()
      ackMs.add(heardAtMs - (sentAtMs[id] ?? heardAtMs))
      acked = id
    },
    /** @param {number} id @param {boolean} isUnknown */
    nacked (id, isUnknown) {
      if (isUnknown) unknownIds.push(id)
      else refusedIds.push(id)
    },
    ended: end
  }
}
