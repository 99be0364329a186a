// Tests of decompression: few messages at a time, none that nobody pays for, none above the limit, and all in the end.

import { deflateSync, gzipSync } from 'node:zlib'
import t from 'tap'
import { refuse } from '../../src/contract/outcome.ts'
import type { Refusal } from '../../src/contract/outcome.ts'
import { beginCall, framed, startGrpc } from '../../test/support/grpc-rig.ts'
import { until } from '../../test/support/rest-rig.ts'
import { Inflating } from './inflating.ts'

const bytesMax = 100_000
const paid = { isOver: false, isPaid: true }
const lengthOf = (inflated: Buffer | Refusal): number => Buffer.isBuffer(inflated) ? inflated.length : -1
const zeros = (count: number): Buffer => gzipSync(Buffer.alloc(count))

t.test('what is compressed comes out as it was', async t => {
  const inflating = new Inflating(bytesMax)
  const many = Array.from({ length: 20 }, (_, at) => inflating.message(zeros(at), 'gzip', paid))
  t.ok(inflating.waitingCount > 10, `${inflating.waitingCount} wait for the others`)
  t.same((await Promise.all(many)).map(lengthOf), many.map((_, at) => at))
  t.same(await inflating.message(deflateSync('abc'), 'deflate', paid), Buffer.from('abc'))
})

t.test('what cannot be, or becomes too large, fails, and the next one goes on', async t => {
  const inflating = new Inflating(bytesMax)
  t.match(await inflating.message(zeros(bytesMax + 1), 'gzip', paid), { code: 'too-large' })
  t.match(await inflating.message(Buffer.from('not compressed'), 'gzip', paid), { code: 'malformed' })
  t.equal(lengthOf(await inflating.message(zeros(bytesMax), 'gzip', paid)), bytesMax)
})

t.test('nothing is decompressed before it is paid for, and nothing that nobody wants', async t => {
  const inflating = new Inflating(bytesMax)
  const late = { isOver: false, isPaid: false }
  const gone = { isOver: true, isPaid: true }
  const told: string[] = []
  void inflating.message(zeros(1), 'gzip', gone).then(() => { told.push('gone') })
  const second = inflating.message(zeros(2), 'gzip', late).then(() => { told.push('late') })
  await inflating.message(zeros(3), 'gzip', paid)
  t.same(told, [])
  t.equal(inflating.waitingCount, 1)
  late.isPaid = true
  inflating.turn()
  await second
  t.same(told, ['late'])
})

t.test('a bomb without room is refused and not decompressed; with room it is above the limit', async t => {
  const { session, ingress, level } = await startGrpc(t)
  const bomb = framed(gzipSync(Buffer.alloc(16_000_000)), true)
  const statusOf = (): Promise<unknown> => {
    const call = beginCall(session(), 'Publish', { 'grpc-encoding': 'gzip' })
    call.end(bomb)
    return new Promise(resolve => {
      call.once('response', headers => { if (headers['grpc-status'] !== undefined) resolve(headers['grpc-status']) })
      call.once('trailers', trailers => { resolve(trailers['grpc-status']) })
    })
  }
  t.equal(await statusOf(), '8')
  ingress.reservation = () => refuse('overloaded', 'for a test')
  t.equal(await statusOf(), '14')
  await until(() => level('calls_in_flight') === 0)
  t.equal(level('messages_to_inflate'), 0)
  t.equal(ingress.reservedBytes, 0)
})
