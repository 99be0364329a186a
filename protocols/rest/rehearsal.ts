// Plays one request through a door of its own, over a pair of streams in place of a socket; gives its answer as text.

import { createServer, validateHeaderName, validateHeaderValue } from 'node:http'
import { duplexPair } from 'node:stream'
import type { Adapter, Sample } from '../../src/contract/adapter.ts'

/** Headers of an answer that say nothing about the event. */
const ownHeaders = /^(date|connection|keep-alive|transfer-encoding):/i

/** Answers are far below this. */
const answerBytesMax = 1_048_576

/** The answer to a POST of the sample: status line, headers, an empty line, body. */
export async function rehearse (adapter: Adapter, sample: Sample): Promise<string> {
  const server = createServer({ requireHostHeader: false })
  adapter.attach({ protocol: 'http', server, peerOf: () => sample.peer })
  const [client, socket] = duplexPair()
  server.emit('connection', socket)
  client.write(headOf(sample))
  if (sample.data !== null) client.write(sample.data)
  let answer = ''
  for await (const chunk of client as AsyncIterable<Buffer>) {
    answer += chunk.toString()
    if (answer.length > answerBytesMax) break
  }
  return withoutOwnHeaders(answer)
}

function headOf ({ channel, attributes, data }: Sample): string {
  const path = channel.split('/').map(encodeURIComponent).join('/')
  const lines = [`POST /v1/events/${path} HTTP/1.1`, 'host: localhost', 'connection: close']
  for (const [name, value] of attributes) {
    validateHeaderName(name)
    validateHeaderValue(name, value)
    lines.push(`${name}: ${value}`)
  }
  if (data !== null) lines.push(`content-length: ${data.length}`)
  return lines.join('\r\n') + '\r\n\r\n'
}

function withoutOwnHeaders (answer: string): string {
  const end = answer.indexOf('\r\n\r\n')
  const head = answer.slice(0, end).split('\r\n').filter(line => !ownHeaders.test(line))
  return [...head, '', answer.slice(end + 4)].join('\n').trimEnd()
}
