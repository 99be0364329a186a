// k6: events over gRPC streams, many in flight. Run: npm run k6:grpc (or see ../README.md)

import encoding from 'k6/encoding'
import exec from 'k6/execution'
import { Client, Stream } from 'k6/net/grpc'
import { streamChannel } from '../scenarios.ts'
import { createStream, options, out } from './stream.js'

export { options }

const address = __ENV.ADDRESS || '127.0.0.1:9090'
const key = __ENV.API_KEY

const client = new Client()
client.load(['../../proto'], 'sluice/v1/ingest.proto')

/**
 * PublishStreamResponse as JSON: numbers of 64 bits are texts there.
 * @typedef {{ acked?: string, nacks?: { id: string, refusal: { outcome: string } }[], window?: number }} Answer
 */

export default function () {
  // Each virtual user has a connection of its own.
  client.connect(address, { plaintext: !address.startsWith('https') })
  const call = new Stream(client, 'sluice.v1.Ingest/PublishStream', {
    metadata: key === undefined ? {} : { 'x-api-key': key }
  })
  const stream = createStream(`grpc-${exec.vu.idInTest}`, {
    send (id, eventKey, data) {
      call.write({
        id, flat: { id: eventKey, data: encoding.b64encode(data), datacontenttype: 'application/json' }, channel: streamChannel
      })
    },
    close () { call.end() }
  })
  call.on('data', data => {
    const { acked, nacks = [], window } = /** @type {Answer} */ (data)
    if (window !== undefined) stream.opened(window)
    for (const { id, refusal } of nacks) stream.nacked(Number(id), refusal.outcome === 'OUTCOME_UNKNOWN')
    if (acked !== undefined) stream.acked(Number(acked))
  })
  call.on('error', error => { out().warn(JSON.stringify(error)) })
  call.on('end', () => {
    stream.ended()
    client.close()
  })
}
