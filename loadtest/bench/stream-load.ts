// The load generator of streams, a process of its own: keeps the window of every connection full, bounded in all.

import { streamDoors } from './speakers/index.ts'
import type { StreamDoorName } from './speakers/index.ts'
import type { Speaker, SpeakerSetup } from './speakers/speaker.ts'

export interface StreamLoadSetup extends Omit<SpeakerSetup, 'data'> {
  readonly door: StreamDoorName
  readonly dataText: string
  readonly connections: number
}

export type ToStreamLoad =
  | { readonly kind: 'connect', readonly setup: StreamLoadSetup }
  /** Sends so many events, or for so long, whatever is over first; then waits for the acks. */
  | { readonly kind: 'run', readonly events: number, readonly sendMs: number }

export type FromStreamLoad =
  | { readonly kind: 'connected' }
  | { readonly kind: 'done', readonly acked: number, readonly ms: number }
  | { readonly kind: 'broken', readonly what: string }

const tell = (message: FromStreamLoad): void => { process.send?.(message) }
const ackMs = 30_000

const speakers: Speaker[] = []
let window = 0
let toSend = 0
let underWay = 0
let acked = 0
let startedMs = 0
let timer: NodeJS.Timeout | undefined

function broken (what: string): void {
  tell({ kind: 'broken', what })
  process.exit(1)
}

function send (speaker: Speaker, count: number): void {
  const some = Math.min(count, toSend)
  if (some === 0) return
  toSend -= some
  underWay += some
  speaker.send(some)
}

/** Connections that are opened at the same time. */
const openingMax = 100

async function start ({ door, dataText, connections, ...setup }: StreamLoadSetup): Promise<void> {
  const { speak } = streamDoors[door]
  window = streamDoors[door].window
  const data = Buffer.from(dataText)
  const open = (at: number): Promise<Speaker> => speak({ ...setup, data }, {
    acked (count) {
      acked += count
      underWay -= count
      const speaker = speakers[at]
      if (speaker !== undefined) send(speaker, count)
      if (underWay > 0 || toSend > 0) return
      clearTimeout(timer)
      tell({ kind: 'done', acked, ms: performance.now() - startedMs })
    },
    broken
  })
  while (speakers.length < connections) {
    const some = Math.min(openingMax, connections - speakers.length)
    speakers.push(...await Promise.all(Array.from({ length: some }, (_, at) => open(speakers.length + at))))
  }
  tell({ kind: 'connected' })
}

function run (events: number, sendMs: number): void {
  acked = 0
  toSend = events
  startedMs = performance.now()
  timer = setTimeout(() => {
    toSend = 0
    timer = setTimeout(() => { broken(`${underWay} events were not acknowledged within ${ackMs} ms`) }, ackMs)
  }, sendMs)
  for (const speaker of speakers) send(speaker, window)
}

process.on('message', (message: ToStreamLoad) => {
  if (message.kind === 'run') run(message.events, message.sendMs)
  else start(message.setup).catch((error: unknown) => { broken(String(error)) })
})
process.on('disconnect', () => process.exit())
