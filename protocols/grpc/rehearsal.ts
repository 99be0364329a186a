// Plays one Publish through a door of its own, over a pair of streams in place of a socket; gives its answer as text.

import { connect, constants } from 'node:http2'
import type { ClientHttp2Session, IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http2'
import { duplexPair } from 'node:stream'
import type { Adapter, Sample } from '../../src/contract/adapter.ts'
import { ErrorInfo, RetryInfo } from './generated/google/rpc/error_details.ts'
import { Status } from './generated/google/rpc/status.ts'
import { Ack, Outcome, PublishRequest, PublishResponse } from './generated/sluice/v1/ingest.ts'
import type { Event } from './generated/sluice/v1/ingest.ts'
import { errorInfoUrl, replies, retryInfoUrl } from './reply.ts'

/** Answers come sooner. */
const answerMs = 10_000

/** Headers that the client of gRPC makes itself. */
const framing = new Set(['te', 'content-length', 'host', 'connection', 'transfer-encoding'])
/** Attributes of CloudEvents, as headers name them, that have a field in the event. */
const fields = new Set(['id', 'source', 'type', 'subject', 'time', 'dataschema'])
const extensionPrefix = 'ce-'

/** The answer: the status, then its details or the receipt as JSON. */
export async function rehearse (adapter: Adapter, sample: Sample): Promise<string> {
  const { event, headers } = translate(sample)
  const [clientEnd, serverEnd] = duplexPair()
  let take: (socket: unknown) => void = () => {}
  adapter.attach({ protocol: 'grpc', server: undefined, onSocket: taker => { take = taker }, peerOf: () => sample.peer })
  take(serverEnd)
  const session = connect('http://localhost', { createConnection: () => clientEnd })
  const timer = setTimeout(() => { session.destroy(new Error(`no answer within ${answerMs} ms`)) }, answerMs)
  try {
    return await ask(session, headers, event)
  } finally {
    clearTimeout(timer)
    session.destroy()
    clientEnd.destroy()
    serverEnd.destroy()
  }
}

/** What HTTP would say in headers, said in the event; everything else travels as metadata. */
function translate ({ channel, attributes, data }: Sample): { event: Event, headers: OutgoingHttpHeaders } {
  const event: Event = {
    channel, id: '', source: '', type: '', subject: '', datacontenttype: '', dataschema: '', time: '',
    data: data ?? undefined, traceparent: '', tracestate: '', extensions: {}, attributes: {}
  }
  const headers: Record<string, string[]> = {}
  for (const [name, value] of attributes) {
    const lower = name.toLowerCase()
    if (framing.has(lower)) throw new Error(`the header ${name} is made by the client; leave it out`)
    const attribute = lower.startsWith(extensionPrefix) ? lower.slice(extensionPrefix.length) : ''
    if (lower === 'content-type') event.datacontenttype = value
    else if (lower === 'idempotency-key') event.id = value
    else if (fields.has(attribute)) event[attribute as 'id'] = value
    else if (attribute !== '' && attribute !== 'specversion') {
      event.extensions[attribute] = { value: { $case: 'text', text: value } }
    } else if (attribute === '') headers[lower] = [...headers[lower] ?? [], value]
  }
  return { event, headers }
}

function ask (session: ClientHttp2Session, metadata: OutgoingHttpHeaders, flat: Event): Promise<string> {
  const message = PublishRequest.encode({ event: { $case: 'flat', flat }, channel: '' }).finish()
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(message.length, 1)
  return new Promise((resolve, reject) => {
    session.on('error', reject)
    const request = session.request({
      ...metadata, [constants.HTTP2_HEADER_METHOD]: 'POST', [constants.HTTP2_HEADER_PATH]: '/sluice.v1.Ingest/Publish',
      [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc+proto', [constants.HTTP2_HEADER_TE]: 'trailers'
    })
    const chunks: Buffer[] = []
    let ending: IncomingHttpHeaders = {}
    request.on('response', headers => { ending = headers })
    request.on('trailers', headers => { ending = headers })
    request.on('data', (chunk: Buffer) => { chunks.push(chunk) })
    request.on('error', reject)
    request.on('close', () => { resolve(textOf(ending, Buffer.concat(chunks))) })
    request.end(Buffer.concat([prefix, message]))
  })
}

function textOf (ending: IncomingHttpHeaders, body: Buffer): string {
  const code = Number(ending['grpc-status'])
  if (code === 0) return `grpc-status: 0 (OK)\n\n${receiptText(body.subarray(5))}`
  const name = Object.values(replies).find(({ status }) => status === code)?.name ?? ''
  const lines = [`grpc-status: ${code} (${name})`, `grpc-message: ${decodeURI(String(ending['grpc-message'] ?? ''))}`]
  const pushback = ending['grpc-retry-pushback-ms']
  if (pushback !== undefined) lines.push(`grpc-retry-pushback-ms: ${String(pushback)}`)
  const details = ending['grpc-status-details-bin']
  if (typeof details === 'string') lines.push('', ...detailsOf(Buffer.from(details, 'base64')))
  return lines.join('\n')
}

function detailsOf (bytes: Buffer): string[] {
  return Status.decode(bytes).details.map(({ typeUrl, value }) => {
    if (typeUrl === errorInfoUrl) return `ErrorInfo ${JSON.stringify(ErrorInfo.decode(value))}`
    return typeUrl === retryInfoUrl ? `RetryInfo ${JSON.stringify(RetryInfo.decode(value))}` : typeUrl
  })
}

function receiptText (message: Buffer): string {
  const { receipt } = PublishResponse.decode(message)
  if (receipt === undefined) return ''
  const nameIn = (names: Readonly<Record<string, number>>, value: number): string =>
    Object.keys(names).find(name => names[name] === value) ?? String(value)
  return JSON.stringify({
    ...receipt, outcome: nameIn(Outcome, receipt.outcome), ack: nameIn(Ack, receipt.ack),
    topic: receipt.topic === '' ? undefined : receipt.topic, journal: receipt.journal === '' ? undefined : receipt.journal
  })
}
