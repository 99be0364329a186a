// Many events in flight over REST and WebSocket: in pipelined requests, in a batch, in lines, in messages of each kind.

import { request as httpRequest } from 'node:http'
import type { ClientRequest } from 'node:http'
import { rest } from '../../protocols/rest/index.ts'
import { websocket } from '../../protocols/websocket/index.ts'
import type { RefusalCode } from '../../src/contract/outcome.ts'
import { form, placeOf } from './busy-client.ts'
import type { BusyClient, BusyForm, Word } from './busy-client.ts'
import { serveHttp } from './clients.ts'
import { RawClient } from './rest-rig.ts'
import { defaultsOf } from './schema-defaults.ts'
import { openWebSocket } from './stream-links.ts'
import { WebsocketClient } from './websocket-rig.ts'

interface Result { readonly outcome?: string, readonly code?: RefusalCode, readonly index?: number }

function wordOf ({ outcome, code }: Result): Word {
  return outcome === 'written' ? 'written' : code ?? 'nothing'
}

const target = '/v1/events/orders/eu'

/** Single requests, one behind the other on one connection; answers come in their order. */
async function openRequests (port: number): Promise<BusyClient> {
  const told = new Map<number, Word>()
  const client = new RawClient(port, '')
  let rest = ''
  /** Answers that are still to come. Whoever says before them that nothing more comes gets none. */
  let openCount = 0
  let isFinished = false
  client.socket.on('data', (bytes: Buffer) => {
    rest += bytes.toString('latin1')
    for (let end = endOfAnswer(rest); end > 0; end = endOfAnswer(rest)) {
      const body = rest.slice(rest.indexOf('\r\n\r\n') + 4, end)
      told.set(told.size, wordOf(JSON.parse(body) as Result))
      rest = rest.slice(end)
      openCount -= 1
    }
    if (isFinished && openCount === 0) client.socket.end()
  })
  const head = `POST ${target} HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\n`
  return {
    told,
    get over () { return client.closed ? 'nothing' : undefined },
    send (data) {
      openCount += data.length
      client.socket.write(data.map(one => `${head}content-length: ${one.length}\r\n\r\n${one.toString('latin1')}`).join(''))
    },
    garbage (bytes) {
      openCount = 0
      client.socket.write(bytes)
    },
    finish () {
      isFinished = true
      if (openCount === 0) client.socket.end()
    }
  }
}

/** 0: the first answer is not complete. */
function endOfAnswer (text: string): number {
  const [head, length] = /^HTTP\/1\.1 .*?\r\ncontent-length: (\d+)\r\n.*?\r\n\r\n/is.exec(text) ?? []
  const end = (head?.length ?? 0) + Number(length)
  return head === undefined || text.length < end ? 0 : end
}

/** A request whose answer has a text for each event. */
class ResultReader {
  readonly told = new Map<number, Word>()
  over: Word | undefined
  #rest = ''
  readonly request: ClientRequest

  /** `firstNumber`: of the event with the index 0. */
  constructor (port: number, headers: Record<string, string>) {
    this.request = httpRequest({ host: '127.0.0.1', port, path: target, method: 'POST', headers, agent: false })
    this.request.on('error', () => { this.over ??= 'nothing' })
    this.request.on('response', response => {
      response.on('data', (bytes: Buffer) => { this.#take(bytes.toString()) })
      response.on('error', () => {}).on('close', () => {
        this.#take('\n')
        this.over ??= 'nothing'
      })
    })
  }

  /** Lines of one result each, or one line with a list of them; a problem is about all. */
  #take (text: string): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) {
      if (line === '') continue
      const results = [JSON.parse(line) as Result | Result[]].flat()
      for (const result of results) {
        if (result.index === undefined) this.over = wordOf(result)
        else this.told.set(result.index, wordOf(result))
      }
    }
  }
}

async function openLines (port: number): Promise<BusyClient> {
  const reader = new ResultReader(port, { 'content-type': 'application/x-ndjson' })
  const { request } = reader
  return {
    told: reader.told,
    get over () { return reader.over },
    send (data) { request.write(Buffer.concat(data.flatMap(one => [one, Buffer.from('\n')]))) },
    garbage: bytes => { request.write(bytes) },
    finish: () => { request.end() }
  }
}

/** Each `send` is a request of its own. */
async function openBatches (port: number): Promise<BusyClient> {
  const told = new Map<number, Word>()
  const readers: { reader: ResultReader, first: number }[] = []
  let sentCount = 0
  const begin = (body: Buffer): void => {
    const reader = new ResultReader(port, { 'content-type': 'application/vnd.sluice.batch+json' })
    readers.push({ reader, first: sentCount })
    reader.request.end(body)
  }
  return {
    get told () {
      for (const { reader, first } of readers) for (const [index, word] of reader.told) told.set(first + index, word)
      return told
    },
    get over () {
      return readers.every(({ reader }) => reader.over !== undefined) ? readers.at(-1)?.reader.over : undefined
    },
    send (data) {
      begin(Buffer.from(`[${data.join(',')}]`))
      sentCount += data.length
    },
    garbage: begin,
    finish () {}
  }
}

const restDefaults = defaultsOf(rest.config)

function restForm (
  name: string, open: (port: number) => Promise<BusyClient>, parts: Pick<BusyForm, 'settings'> & Partial<BusyForm>
): BusyForm {
  return form({
    door: 'rest', name, hasRequests: true, ...parts,
    async begin (make, settings) {
      const adapter = make({ ...restDefaults, ...settings })
      return placeOf(adapter, await serveHttp(adapter), open)
    }
  })
}

const endWords: Readonly<Record<number, Word>> = {
  1009: 'too-large', 1012: 'shutting-down', 1013: 'overloaded', 4401: 'unauthenticated'
}

function endWordOf (why: string): Word { return endWords[Number(/^\d{4}/.exec(why)?.[0])] ?? 'nothing' }

/** Words for events by ids, from cumulative acks and nacks. Event n has the id n + 1. */
export class AckedWords {
  readonly told = new Map<number, Word>()
  /** Bytes that are no event of the test may have any id. */
  sentCount = 0
  #acked = 0

  acked (id: number): void {
    for (; this.#acked < Math.min(id, this.sentCount); this.#acked++) {
      if (!this.told.has(this.#acked)) this.told.set(this.#acked, 'written')
    }
  }

  nacked (id: number, code: Word): void { this.told.set(id - 1, code) }
}

async function openMessages (port: number, binary: boolean): Promise<BusyClient> {
  const words = new AckedWords()
  const { promise, resolve } = Promise.withResolvers<undefined>()
  let over: Word | undefined
  const link = openWebSocket({ port, receipts: false, binary }, {
    opened () { resolve(undefined) },
    window () {},
    receipt () {},
    acked (id) { words.acked(id) },
    nacked (id, _told, code) { words.nacked(id, code as Word) },
    broken (why) {
      over = endWordOf(why)
      resolve(undefined)
    }
  })
  await promise
  return {
    told: words.told,
    get over () { return over },
    send (data) {
      for (const one of data) {
        const id = ++words.sentCount
        link.send({ id, key: `key-${id}`, channel: 'orders/eu', data: one })
      }
    },
    garbage: bytes => { link.raw(binary ? bytes : bytes.toString()) },
    finish: () => { link.close() }
  }
}

/** The binding of CloudEvents, with acks. */
async function openCloudEvents (port: number): Promise<BusyClient> {
  const words = new AckedWords()
  const client = await new WebsocketClient(port, {
    protocols: 'cloudevents.json', target: '/v1/stream?channel=orders/eu&acks=true'
  }).greeted()
  client.socket.on('message', (bytes: Buffer) => {
    const { type, id, code } = JSON.parse(bytes.toString()) as { type: string, id: number, code: RefusalCode }
    if (type === 'ack') words.acked(id)
    else if (type === 'nack') words.nacked(id, code)
  })
  return {
    told: words.told,
    get over () { return client.closeCode === 0 ? undefined : endWordOf(String(client.closeCode)) },
    send (data) {
      for (const one of data) {
        const id = `key-${++words.sentCount}`
        client.socket.send(`{"specversion":"1.0","id":"${id}","source":"/s","type":"t","data":${one.toString()}}`)
      }
    },
    garbage: bytes => { client.socket.send(bytes.toString()) },
    finish: () => { client.socket.close() }
  }
}

const websocketDefaults = defaultsOf(websocket.config)

function websocketForm (name: string, open: (port: number) => Promise<BusyClient>): BusyForm {
  return form({
    door: 'websocket', name,
    settings: windowEventsMax => ({ windowEventsMax }),
    async begin (make, settings) {
      const adapter = make({ ...websocketDefaults, ...settings })
      return placeOf(adapter, await serveHttp(adapter), open)
    }
  })
}

export const httpForms: readonly BusyForm[] = [
  restForm('requests', openRequests, { settings: requestsInFlightMax => ({ requestsInFlightMax }) }),
  restForm('batches', openBatches, { settings: batchEventsMax => ({ batchEventsMax }), beyond: 'ends' }),
  restForm('lines', openLines, { settings: linesInFlightMax => ({ linesInFlightMax }) }),
  websocketForm('text', port => openMessages(port, false)),
  websocketForm('binary', port => openMessages(port, true)),
  websocketForm('cloudevents', openCloudEvents)
]
