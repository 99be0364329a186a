// Puts a load on an MQTT door: many clients with a window each, bounded in count and time; tells what became of it.

import type { SentEvent } from '../../test/support/history.ts'
import { LoadClient } from './load-client.ts'
import type { LoadClientSetup } from './load-client.ts'
import { LoadTally } from './load-tally.ts'

export interface LoadSetup extends Omit<LoadClientSetup, 'events'> {
  readonly connections: number
  /** Over all connections. */
  readonly events: number
  /** The names of the clients begin with it. It must differ from load to load. */
  readonly run: string
  /** How long events are sent at the most. */
  readonly sendMs: number
  /** How long the last acknowledgements may take; half a minute if absent. */
  readonly answerMs?: number
}

export interface LoadResult {
  readonly tally: LoadTally
  readonly sent: readonly SentEvent[]
  /** From the first event to the last acknowledgement. */
  readonly ms: number
}

/** Clients that connect at the same time. */
const openingMax = 100
const defaultAnswerMs = 30_000

async function openAll (clients: readonly LoadClient[]): Promise<void> {
  for (let at = 0; at < clients.length; at += openingMax) {
    await Promise.all(clients.slice(at, at + openingMax).map(client => client.open()))
  }
}

/** Resolves when every event has its outcome, or nothing more is waited for. Rejects where a client is not let in. */
export async function runLoad (load: LoadSetup): Promise<LoadResult> {
  const { connections, events, run, sendMs, answerMs = defaultAnswerMs, ...setup } = load
  const tally = new LoadTally()
  const clients = Array.from({ length: connections }, (_, at) => {
    const share = Math.floor(events / connections) + (at < events % connections ? 1 : 0)
    return new LoadClient(`${run}-${String(at).padStart(5, '0')}`, { ...setup, events: share }, tally)
  })
  let timer: NodeJS.Timeout | undefined
  try {
    await openAll(clients)
    const startMs = performance.now()
    timer = setTimeout(() => {
      for (const client of clients) client.stop()
      timer = setTimeout(() => { for (const client of clients) client.close() }, answerMs)
    }, sendMs)
    await Promise.all(clients.map(client => client.run()))
    return { tally, sent: clients.flatMap(client => client.history()), ms: tally.lastMs - startMs }
  } finally {
    clearTimeout(timer)
    for (const client of clients) client.close()
  }
}
