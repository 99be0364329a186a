// Tests of content codings: what is inflated, where a bomb is stopped, and that a cut body is told from a whole one.

import t from 'tap'
import { brotliCompressSync, constants, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { isRefusal } from '../../src/contract/outcome.ts'
import { startRest } from '../../test/support/rest-rig.ts'
import { codingOf, inflate } from './inflate.ts'

const limits = { decompressedBytesMax: 1_000_000, decompressionRatioMax: 100 }
const fast = { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } }
const compressors = {
  gzip: gzipSync, deflate: deflateSync, zstd: zstdCompressSync,
  br: (body: Buffer | string) => brotliCompressSync(body, fast)
}
const codings = Object.keys(compressors) as (keyof typeof compressors)[]
const text = JSON.stringify({ text: 'the same bytes again', numbers: Array.from({ length: 300 }, (_, i) => i * 7_919) })

t.test('one coding is known by its name, two are none', async t => {
  for (const name of codings) t.equal(codingOf(name), name)
  t.equal(codingOf(' GZIP '), 'gzip')
  t.equal(codingOf('x-gzip'), 'gzip')
  t.equal(codingOf('identity'), 'identity')
  for (const name of ['', 'gzip, gzip', 'gzip,br', 'compress', 'toString', '__proto__']) t.equal(codingOf(name), undefined, name)
})

t.test('a body becomes what it was', async t => {
  for (const name of codings) {
    const inflated = inflate(compressors[name](text), name, limits)
    t.equal(Buffer.isBuffer(inflated) && inflated.toString(), text, name)
  }
})

t.test('a cut or wrong body is malformed', async t => {
  for (const name of codings) {
    const whole = compressors[name](text)
    for (const bytes of [whole.subarray(0, whole.length - 4), Buffer.alloc(0), Buffer.from('{"a":1}')]) {
      const refusal = inflate(bytes, name, limits)
      t.ok(isRefusal(refusal) && refusal.code === 'malformed', `${name} ${bytes.length}`)
    }
  }
})

t.test('size and ratio are both bounds', async t => {
  for (const name of codings) {
    const bomb = compressors[name](Buffer.alloc(900_000))
    t.ok(bomb.length < 9_000, name)
    for (const given of [limits, { decompressedBytesMax: 800_000, decompressionRatioMax: 10_000 }]) {
      const refusal = inflate(bomb, name, given)
      t.ok(isRefusal(refusal) && refusal.code === 'too-large', name)
    }
  }
})

t.test('over the wire every coding works, in a small body and in a large one', async t => {
  const { request, ingress } = await startRest(t)
  for (const name of codings) {
    for (const body of [text, incompressible(200_000)]) {
      const before = ingress.envelopes.length
      const answer = await request('POST', '/v1/events/orders/eu', {
        headers: { 'content-encoding': name, 'content-type': 'text/plain' }, body: compressors[name](body)
      })
      t.equal(answer.status, 200, `${name} ${body.length}`)
      t.equal(ingress.envelopes[before]?.data?.toString('latin1'), body)
    }
  }
  t.equal(ingress.reservedBytes, 0)
})

t.test('over the wire bombs and cut bodies are refused, and nothing of them stays', async t => {
  const { request, ingress } = await startRest(t)
  for (const name of codings) {
    const large = compressors[name](incompressible(200_000))
    const attempts: [Buffer, number][] = [
      [compressors[name](Buffer.alloc(50_000_000)), 413],
      [compressors[name](incompressible(2_000_000)).subarray(0, 1_000_000), 400],
      [large.subarray(0, large.length - 10), 400], [compressors[name](text).subarray(0, 50), 400]
    ]
    for (const [body, status] of attempts) {
      const answer = await request('POST', '/v1/events/orders/eu', { headers: { 'content-encoding': name }, body })
      t.equal(answer.status, status, `${name} ${body.length}`)
    }
  }
  t.equal(ingress.reservedBytes, 0)
  t.equal(ingress.envelopes.length, 0)
  t.ok(ingress.reservedBytesPeak < 12_000_000)
})

t.test('an unknown coding is 415 and is told which are known', async t => {
  const { request } = await startRest(t)
  for (const coding of ['compress', 'gzip, gzip']) {
    const answer = await request('POST', '/v1/events/a', { headers: { 'content-encoding': coding }, body: 'x' })
    t.equal(answer.status, 415)
    t.equal(answer.headers.get('accept-encoding'), 'gzip, deflate, br, zstd, identity')
    t.match(answer.json, { code: 'unsupported-media-type' })
  }
})

/** Text that no coding makes much smaller, the same in every run. */
function incompressible (length: number): string {
  let state = 1
  const bytes = Buffer.alloc(length)
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    bytes[at] = 33 + ((state >>> 24) % 90)
  }
  return bytes.toString('latin1')
}
