// A few devices that publish all the time at QoS 1, and how long each of their events waits for its acknowledgement.

import { setTimeout as pause } from 'node:timers/promises'
import { speakMqtt } from '../bench/speakers/mqtt.ts'
import type { Speaker } from '../bench/speakers/speaker.ts'
import { eventText, scenarios } from '../scenarios.ts'

export interface PublishersSetup {
  readonly port: number
  readonly channel: string
  readonly apiKey: string
  readonly publishers: number
  /** Each begins so many events in a second, unless as many as `windowMax` wait. */
  readonly eventsPerSecond: number
}

/** Since the last time that was asked. */
export interface Waits {
  /** Publishers whose connection has stood, and of all. */
  readonly stayedCount: number
  readonly ackedCount: number
  readonly medianMs: number
  readonly mostMs: number
}

const windowMax = 15

interface Publisher {
  speaker: Speaker | undefined
  isBroken: boolean
  /** When those that wait were sent; they are acknowledged in this order. */
  readonly sentAtMs: number[]
}

export class Publishers {
  ackedCount = 0
  readonly #all: Publisher[] = []
  #waitedMs: number[] = []
  #timer: NodeJS.Timeout | undefined

  /** Resolves when all are connected and publish. Whoever loses its connection stays away. */
  async open ({ publishers, eventsPerSecond, ...setup }: PublishersSetup): Promise<void> {
    const data = Buffer.from(eventText(scenarios.single.eventBytes))
    for (let at = 0; at < publishers; at++) {
      this.#all.push(await openOne({ ...setup, data }, count => { this.#acked(at, count) }))
    }
    this.#timer = setInterval(() => {
      for (const { speaker, isBroken, sentAtMs } of this.#all) {
        if (isBroken || sentAtMs.length >= windowMax) continue
        sentAtMs.push(performance.now())
        speaker?.send(1)
      }
    }, 1_000 / eventsPerSecond)
  }

  #acked (at: number, count: number): void {
    const nowMs = performance.now()
    for (const sentMs of this.#all[at]?.sentAtMs.splice(0, count) ?? []) this.#waitedMs.push(nowMs - sentMs)
    this.ackedCount += count
  }

  /** Of all that were acknowledged since the last call, and of those that wait on a connection that stands. */
  waits (): Waits {
    const nowMs = performance.now()
    const stayed = this.#all.filter(({ isBroken }) => !isBroken)
    const acked = this.#waitedMs.sort((a, b) => a - b)
    this.#waitedMs = []
    const waiting = stayed.map(({ sentAtMs: [firstMs = nowMs] }) => nowMs - firstMs)
    return {
      stayedCount: stayed.length, ackedCount: acked.length, medianMs: acked[acked.length >> 1] ?? NaN,
      mostMs: Math.max(0, acked.at(-1) ?? 0, ...waiting)
    }
  }

  end (): void {
    clearInterval(this.#timer)
    for (const one of this.#all) one.speaker?.end()
  }
}

const openMs = 30_000

async function openOne (
  setup: Parameters<typeof speakMqtt>[0], acked: (count: number) => void
): Promise<Publisher> {
  const publisher: Publisher = { speaker: undefined, isBroken: false, sentAtMs: [] }
  const opening = speakMqtt(setup, { acked, broken: () => { publisher.isBroken = true } })
  const timeUp = new AbortController()
  const late = pause(openMs, undefined, { signal: timeUp.signal }).then(() => { throw new Error('a publisher gets no answer') })
  publisher.speaker = await Promise.race([opening, late])
  timeUp.abort()
  late.catch(() => {})
  return publisher
}
