// Senders over REST for fault tests: many connections, each waits for its answer, all that was sent and told is kept.

import { Agent, request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { digestOf } from './history.ts'
import type { SentEvent, Told } from './history.ts'

export interface SenderOptions {
  readonly port: number
  readonly channel: string
  readonly connections: number
  /** Events per request: 1 is binary mode, more is a CloudEvents batch. */
  readonly batch: number
  readonly headers?: Readonly<Record<string, string>>
  /** Bytes of padding in each event. */
  readonly padBytes?: number
  /** Told of every receipt, with its partition. */
  readonly onWritten?: (partition: number) => void
  /** How long a connection waits after an answer that is not 200, 20 ms unless told. */
  readonly pauseMs?: number
  /** How long one request may take before it counts as broken off. */
  readonly answerTimeoutMs?: number
}

export interface Sender {
  readonly sent: readonly SentEvent[]
  readonly writtenCount: () => number
  /** Resolves once `count` events in all were acknowledged; rejects after `timeoutMs`. */
  written (count: number, timeoutMs: number): Promise<void>
  /** Every connection ends after its current request. */
  stop (): Promise<void>
}

interface Answer { readonly status: number, readonly body: string }
interface Result { outcome?: string, partition?: number, offset?: number, journal?: string }

const pauseMsStandard = 20

function ask (agent: Agent, options: SenderOptions, headers: Record<string, string>, body: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request({
      agent, host: '127.0.0.1', port: options.port, method: 'POST', path: `/v1/events/${options.channel}`,
      headers: { ...headers, ...options.headers, 'content-length': String(Buffer.byteLength(body)) },
      timeout: options.answerTimeoutMs ?? 20_000
    }, (response: IncomingMessage) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }))
      response.on('error', reject)
    })
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer in time')))
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

function resultsOf ({ status, body }: Answer, count: number): Result[] {
  const parsed = JSON.parse(body) as Result | Result[]
  if (Array.isArray(parsed)) return parsed
  if (status === 200 && parsed.outcome !== 'written') throw new Error(`200 without a receipt: ${body}`)
  return Array.from({ length: count }, () => parsed)
}

function toldOf (outcome: string | undefined): Told {
  if (outcome === 'written' || outcome === 'refused' || outcome === 'unknown') return outcome
  throw new Error(`an answer without an outcome: ${String(outcome)}`)
}

interface Draft { readonly id: string, readonly data: string, readonly order: number }

function wireOf (drafts: readonly Draft[]): { headers: Record<string, string>, body: string } {
  const [first] = drafts
  if (first !== undefined && drafts.length === 1) {
    const headers = {
      'content-type': 'application/json', 'ce-specversion': '1.0', 'ce-id': first.id, 'ce-source': '/test', 'ce-type': 't'
    }
    return { headers, body: first.data }
  }
  const items = drafts.map(({ id, data }) =>
    `{"specversion":"1.0","id":"${id}","source":"/test","type":"t","data":${data}}`)
  return { headers: { 'content-type': 'application/cloudevents-batch+json' }, body: `[${items.join(',')}]` }
}

/** Starts sending at once and goes on until it is stopped. */
export function startSender (options: SenderOptions): Sender {
  const sent: SentEvent[] = []
  const name = Math.random().toString(36).slice(2, 10)
  const pad = 'x'.repeat(options.padBytes ?? 100)
  let stopping = false
  let writtenCount = 0
  const waiting = new Set<() => void>()

  function keep (drafts: readonly Draft[], stream: string, results: readonly Result[] | undefined): void {
    for (const [at, { id, data, order }] of drafts.entries()) {
      const result = results?.[at]
      if (results !== undefined && result === undefined) throw new Error(`no result for item ${at}`)
      const told: Told = result === undefined ? 'none' : toldOf(result.outcome)
      if (told === 'written') {
        writtenCount++
        options.onWritten?.(result?.partition ?? -1)
      }
      sent.push({
        id, stream, order, digest: digestOf(data), told,
        partition: result?.partition, offset: result?.offset, position: result?.journal
      })
    }
    for (const check of waiting) check()
  }

  async function run (connection: number): Promise<void> {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const stream = `${name}-${connection}`
    for (let order = 0; !stopping;) {
      const drafts: Draft[] = []
      for (let i = 0; i < options.batch; i++, order++) {
        const id = `${stream}-${order}`
        drafts.push({ id, data: `{"id":"${id}","key":"${stream}","pad":"${pad}"}`, order })
      }
      const { headers, body } = wireOf(drafts)
      let answer: Answer | undefined
      try {
        answer = await ask(agent, options, headers, body)
      } catch {
        // The connection broke: these events may be written or not, their sender was told nothing.
      }
      keep(drafts, stream, answer === undefined ? undefined : resultsOf(answer, drafts.length))
      if (answer?.status !== 200) await new Promise(resolve => setTimeout(resolve, options.pauseMs ?? pauseMsStandard))
    }
    agent.destroy()
  }

  const running = Promise.all(Array.from({ length: options.connections }, (_, connection) => run(connection)))
  running.catch(() => { stopping = true })
  return {
    sent,
    writtenCount: () => writtenCount,
    written: (count, timeoutMs) => new Promise((resolve, reject) => {
      const check = (): void => {
        if (writtenCount < count) return
        clearTimeout(timer)
        waiting.delete(check)
        resolve()
      }
      const timer = setTimeout(() => {
        waiting.delete(check)
        reject(new Error(`${writtenCount} of ${count} events were acknowledged within ${timeoutMs} ms`))
      }, timeoutMs)
      waiting.add(check)
      running.catch(reject)
      check()
    }),
    async stop () {
      stopping = true
      await running
    }
  }
}
