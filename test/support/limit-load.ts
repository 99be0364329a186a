// Offers events to a limit over REST, in single requests and in lines, and keeps when each request was answered how.

import { Agent, request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { Decision } from './limit-trace.ts'

export interface LoadOptions {
  readonly port: number
  readonly channel: string
  readonly apiKey: string
  /** Connections that send requests of so many events; more than one are lines. `fresh`: a connection per request. */
  readonly mix: readonly { readonly connectionsCount: number, readonly eventsEach: number, readonly fresh: boolean }[]
  readonly eventsCount: number
  /** Told after each answer how many events have been offered so far. */
  readonly onOffered?: (offeredCount: number) => void
}

/** The answers, as decisions between sending and hearing; and what else there was. */
export interface LoadReport {
  readonly decisions: readonly Decision[]
  readonly offeredCount: number
  readonly writtenCount: number
  readonly refusedCount: number
  /** Requests that broke off without a whole answer. */
  readonly brokenCount: number
  /** Results of any other kind, by code. */
  readonly others: ReadonlyMap<string, number>
}

const event = '{"reading":21.5,"unit":"C"}'
const answerTimeoutMs = 30_000

/** Sends until so many events have been offered in all. */
export async function offer (options: LoadOptions): Promise<LoadReport> {
  const decisions: Decision[] = []
  const others = new Map<string, number>()
  let offeredCount = 0
  let [writtenCount, refusedCount, brokenCount] = [0, 0, 0]

  async function run ({ eventsEach, fresh }: LoadOptions['mix'][number]): Promise<void> {
    const agent = new Agent({ keepAlive: !fresh, maxSockets: 1 })
    while (offeredCount < options.eventsCount) {
      offeredCount += eventsEach
      const beforeMs = performance.now()
      const codes = await send(agent, options, eventsEach).catch(() => undefined)
      const afterMs = performance.now()
      options.onOffered?.(offeredCount)
      if (codes === undefined) {
        brokenCount++
        continue
      }
      const grantedUnits = codes.filter(code => code === 'written').length
      const limitedCount = codes.filter(code => code === 'rate-limited').length
      writtenCount += grantedUnits
      refusedCount += limitedCount
      for (const code of codes) {
        if (code !== 'written' && code !== 'rate-limited') others.set(code, (others.get(code) ?? 0) + 1)
      }
      decisions.push({ beforeMs, afterMs, askedUnits: grantedUnits + limitedCount, grantedUnits })
    }
    agent.destroy()
  }

  const runs = options.mix.flatMap(one => Array.from({ length: one.connectionsCount }, () => run(one)))
  await Promise.all(runs)
  return { decisions, offeredCount, writtenCount, refusedCount, brokenCount, others }
}

/** What became of each event: `written`, or the code of its refusal. */
function send (agent: Agent, { port, channel, apiKey }: LoadOptions, eventsEach: number): Promise<string[]> {
  const body = eventsEach === 1 ? event : `${event}\n`.repeat(eventsEach)
  const contentType = eventsEach === 1 ? 'application/json' : 'application/x-ndjson'
  return new Promise((resolve, reject) => {
    const outgoing = request({
      agent, host: '127.0.0.1', port, method: 'POST', path: `/v1/events/${channel}`, timeout: answerTimeoutMs,
      headers: { 'content-type': contentType, 'x-api-key': apiKey, 'content-length': String(Buffer.byteLength(body)) }
    }, (response: IncomingMessage) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', reject)
      response.on('end', () => {
        const codes = codesOf(Buffer.concat(chunks).toString('latin1'))
        if (codes.length === eventsEach) resolve(codes)
        else reject(new Error(`${codes.length} results for ${eventsEach} events`))
      })
    })
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer in time'))).on('error', reject)
    outgoing.end(body)
  })
}

const result = /"outcome":"(written)"|"code":"([a-z-]+)"/g

function codesOf (text: string): string[] {
  return [...text.matchAll(result)].map(([, written, code]) => written ?? code ?? '')
}
