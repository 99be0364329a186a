// Speaks sluice.v1.Ingest over HTTP/2: PublishStream with cumulative acks, and Publish, a call per event.

import { connect } from 'node:http2'
import type { ClientHttp2Session, OutgoingHttpHeaders } from 'node:http2'
import type { Hearing, Speak, SpeakerSetup } from './speaker.ts'

/** A protobuf field of bytes or text. */
function field (number: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([number << 3 | 2]), varint(content.length), content])
}

/** Seven bits a byte, the lowest first; padded to `bytesMin`. */
function varint (value: number, bytesMin = 1): Buffer {
  const bytes: number[] = []
  for (let rest = value; bytes.length < bytesMin || rest > 0; rest = Math.floor(rest / 128)) {
    bytes.push(rest % 128 | 0x80)
  }
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) & 0x7f
  return Buffer.from(bytes)
}

/** A gRPC message that is not compressed: its length ahead of it. */
function message (content: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(content.length, 1)
  return Buffer.concat([head, content])
}

const idBytes = 5
/** Behind the length of the message and the tag of the field. */
const idAt = 6

function numberAt (bytes: Buffer, at: number): { value: number, end: number } {
  let value = 0
  for (let factor = 1, end = at; ; factor *= 128, end++) {
    const byte = bytes[end] ?? 0
    value += (byte & 0x7f) * factor
    if (byte < 0x80) return { value, end: end + 1 }
  }
}

/** Of PublishStreamResponse: `acked` is field 1, the window field 4; anything else is a nack. */
function createHearer (hearing: Hearing): (chunk: Buffer) => void {
  let held: Buffer = Buffer.alloc(0)
  let acked = 0
  return chunk => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    while (held.length >= 5 && held.length >= 5 + held.readUInt32BE(1)) {
      const content = held.subarray(5, 5 + held.readUInt32BE(1))
      held = held.subarray(5 + content.length)
      for (let at = 0; at < content.length;) {
        const tag = content[at] ?? 0
        const { value, end } = numberAt(content, at + 1)
        if (tag === 8) {
          hearing.acked(value - acked)
          acked = value
        } else if (tag !== 32) return hearing.broken(content.toString('latin1'))
        at = end
      }
    }
  }
}

function open ({ port }: SpeakerSetup, hearing: Hearing): ClientHttp2Session {
  const session = connect(`http://127.0.0.1:${port}`)
  session.on('error', error => { hearing.broken(error.message) })
  return session
}

function headersOf (method: 'Publish' | 'PublishStream', { apiKey }: SpeakerSetup): OutgoingHttpHeaders {
  return {
    ':method': 'POST', ':path': `/sluice.v1.Ingest/${method}`, 'content-type': 'application/grpc', 'te': 'trailers',
    'x-api-key': apiKey
  }
}

export const speakGrpc: Speak = async (setup, hearing) => {
  const { channel, data } = setup
  const session = open(setup, hearing)
  const stream = session.request(headersOf('PublishStream', setup))
  stream.on('error', error => { hearing.broken(error.message) })
  stream.on('trailers', trailers => { hearing.broken(JSON.stringify(trailers)) })
  stream.on('data', createHearer(hearing))
  const flat = Buffer.concat([field(1, Buffer.from(channel)), field(9, data)])
  const event = message(Buffer.concat([Buffer.from([8]), varint(0, idBytes), field(2, flat)]))
  let lastId = 0
  return {
    send (count) {
      const messages = Buffer.alloc(event.length * count)
      for (let at = 0; at < messages.length; at += event.length) {
        event.copy(messages, at)
        varint(++lastId, idBytes).copy(messages, at + idAt)
      }
      stream.write(messages)
    },
    end: () => { session.removeAllListeners('error').destroy() }
  }
}

export const speakGrpcUnary: Speak = async (setup, hearing) => {
  const session = open(setup, hearing)
  const headers = headersOf('Publish', setup)
  const event = message(field(1, Buffer.concat([field(1, Buffer.from(setup.channel)), field(9, setup.data)])))
  const call = (): void => {
    const stream = session.request(headers)
    stream.on('error', error => { hearing.broken(error.message) })
    stream.once('trailers', trailers => {
      if (trailers['grpc-status'] === '0') hearing.acked(1)
      else hearing.broken(JSON.stringify(trailers))
    })
    stream.resume()
    stream.end(event)
  }
  return {
    send (count) { for (let at = 0; at < count; at++) call() },
    end: () => { session.removeAllListeners('error').destroy() }
  }
}
