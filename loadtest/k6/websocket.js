// k6: events over the WebSocket door in binary messages, many in flight. Run: npm run k6:websocket (see ../README.md)

import exec from 'k6/execution'
import { WebSocket } from 'k6/websockets'
import { streamChannel } from '../scenarios.ts'
import { createStream, options, out } from './stream.js'

export { options }

const url = __ENV.URL || 'ws://127.0.0.1:8080/v1/stream'
const key = __ENV.API_KEY

/** @param {string} text ASCII */
function bytesOf (text) {
  return Array.from(text, letter => letter.charCodeAt(0))
}

/** Unsigned LEB128. @param {number} number */
function varint (number) {
  const bytes = []
  let left = number
  for (; left >= 0x80; left = Math.floor(left / 0x80)) bytes.push(left % 0x80 + 0x80)
  return [...bytes, left]
}

/** @param {string} value */
function text (value) {
  return [...varint(value.length), ...bytesOf(value)]
}

const nameOfKey = text('idempotency-key')

export default function () {
  const name = `websocket-${exec.vu.idInTest}`
  const headers = { 'sec-websocket-protocol': 'sluice.v1', ...(key === undefined ? {} : { 'x-api-key': key }) }
  const socket = new WebSocket(url, null, { headers })
  const stream = createStream(name, {
    send (id, eventKey, data) {
      const attributes = [...nameOfKey, ...text(eventKey)]
      // Flags: attributes; then id, channel 0, attributes, data up to the end of the message.
      const message = [2, ...varint(id), 0, ...varint(attributes.length), ...attributes, ...bytesOf(data)]
      socket.send(new Uint8Array(message).buffer)
    },
    close () { socket.close() }
  })
  socket.onmessage = event => {
    const message = JSON.parse(String(event?.data))
    if (message.type === 'hello') {
      const attributes = { 'content-type': 'application/json' }
      socket.send(JSON.stringify({ type: 'channel', number: 0, channel: streamChannel, attributes }))
    }
    if (message.type === 'hello' || message.type === 'window') stream.opened(message.window)
    if (message.type === 'nack') stream.nacked(message.id, message.outcome === 'unknown')
    if (message.type === 'ack') stream.acked(message.id)
  }
  socket.onclose = () => { stream.ended() }
  socket.onerror = event => { out().warn(event?.error) }
}
