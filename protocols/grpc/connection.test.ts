// What one HTTP/2 connection may send, counted before anybody reads it.

import { EventEmitter } from 'node:events'
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import { Readable } from 'node:stream'
import t from 'tap'
import { peer } from '../../test/support/odd-envelopes.ts'
import { framed } from '../../test/support/grpc-rig.ts'
import { Connection } from './connection.ts'
import type { Door } from './door.ts'

const config = { pingsPerSecondMax: 10, resetsPerSecondMax: 10, streamsPerSecondMax: 10, fragmentsPerSecondMax: 100 }

/** A connection with one stream that nobody reads. */
function rig (): { readonly stream: Readable, cuts: () => number } {
  const door = { config, cutCount: 0, log: { debug () {} } }
  const session = Object.assign(new EventEmitter(), {
    destroyed: false, destroy () { session.destroyed = true }
  })
  const connection = new Connection(door as unknown as Door, session as unknown as ServerHttp2Session, peer)
  const stream = new Readable({ read () {} })
  connection.watch(stream as unknown as ServerHttp2Stream)
  return { stream, cuts: () => door.cutCount }
}

t.test('tiny pieces of a message are counted as they arrive', async t => {
  const { stream, cuts } = rig()
  stream.push(framed(Buffer.alloc(1_000)).subarray(0, 5))
  for (let count = 0; count < 100; count++) stream.push(Buffer.alloc(1))
  t.equal(cuts(), 0)
  stream.push(Buffer.alloc(1))
  t.equal(cuts(), 1, 'though nobody has read one of them')
  t.equal(stream.readableLength, 106, 'and what came is there for whoever reads it')
})

t.test('small messages, large pieces and the end of a stream are no such pieces', async t => {
  const { stream, cuts } = rig()
  for (let count = 0; count < 300; count++) stream.push(framed(Buffer.alloc(3)))
  stream.push(framed(Buffer.alloc(100_000)).subarray(0, 5))
  for (let count = 0; count < 300; count++) stream.push(Buffer.alloc(64))
  stream.push(null)
  t.equal(cuts(), 0)
})
