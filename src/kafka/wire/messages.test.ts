// Tables of messages written out by hand as Kafka's message definitions have them; foreign bytes never throw.

import t from 'tap'
import fc from 'fast-check'
import { KafkaError } from '../kafka-error.ts'
import { readApiVersions, writeApiVersions } from './api-versions.ts'
import { agreeOn, apis, beginRequest, finish } from './apis.ts'
import { readInitProducerId, writeInitProducerId } from './init-producer-id.ts'
import { readMetadata, writeMetadata } from './metadata.ts'
import { readTopicSettings, writeTopicSettings } from './topic-settings.ts'
import { readProduce, writeProduce } from './produce.ts'
import { Reader } from './reader.ts'
import { readSaslAuthenticate, readSaslHandshake, writeSaslAuthenticate, writeSaslHandshake } from './sasl-messages.ts'
import { Writer } from './writer.ts'

/** Bytes from hex with spaces, and texts in quotes. */
function bytes (text: string): Buffer {
  return Buffer.concat(text.split(/\s+/).filter(part => part !== '').map(part =>
    part.startsWith('"') ? Buffer.from(part.slice(1, -1)) : Buffer.from(part, 'hex')))
}

function written (write: (writer: Writer) => void): string {
  const writer = new Writer(1)
  write(writer)
  return writer.slice().toString('hex')
}

const hex = (text: string): string => bytes(text).toString('hex')

t.test('a request begins with its size and a header of the right version', async t => {
  const head = { version: 12, correlationId: 0x01020304, clientId: 'me' }
  t.equal(finish(beginRequest({ api: apis.metadata, ...head })).toString('hex'),
    hex('0000000d 0003 000c 01020304 0002 "me" 00'))
  t.equal(finish(beginRequest({ api: apis.saslHandshake, ...head, version: 1 }), 5).toString('hex'),
    hex('00000011 0011 0001 01020304 0002 "me"'), 'bytes that follow are counted')
  t.equal(finish(beginRequest({ api: apis.apiVersions, ...head, version: 0 })).toString('hex'),
    hex('0000000c 0012 0000 01020304 0002 "me"'), 'ApiVersions 0 is not flexible')
})

t.test('ApiVersions', async t => {
  t.equal(written(writer => { writeApiVersions(writer, 0) }), '')
  t.equal(written(writer => { writeApiVersions(writer, 3) }), hex('07 "sluice" 02 "1" 00'))
  const flexible = bytes('0000 03 0000 0003 000c 00 0012 0000 0004 00 00000000 00')
  const ranges = [{ key: 0, min: 3, max: 12 }, { key: 18, min: 0, max: 4 }]
  t.same(readApiVersions(new Reader(flexible), 3), ranges)
  t.same(readApiVersions(new Reader(bytes('0000 00000002 0000 0003 000c 0012 0000 0004')), 0), ranges)
  t.equal(readApiVersions(new Reader(bytes('0023 00000001 0012 0000 0002')), 3), 'again')
  t.ok(readApiVersions(new Reader(bytes('0023 00000000')), 0) instanceof KafkaError)
})

t.test('both sides agree on the highest version that they share, or it is told what each has', async t => {
  const { produce, metadata } = apis
  const offered = [{ key: 0, min: 3, max: 10 }, { key: 3, min: 0, max: 13 }]
  t.same(agreeOn(offered, [produce, metadata]), new Map([[0, 10], [3, 12]]))
  const old = agreeOn([{ key: 0, min: 0, max: 8 }], [produce])
  t.match(old, { type: 'UNSUPPORTED_VERSION', message: /Produce in versions 9 to 12, and the broker has versions 0 to 8/ })
  t.match(agreeOn([{ key: 0, min: 13, max: 14 }], [produce]), { type: 'UNSUPPORTED_VERSION' })
  t.match(agreeOn([], [metadata]), { message: /does not know it/ })
})

t.test('Metadata', async t => {
  t.equal(written(writer => { writeMetadata(writer, 9, ['ab']) }), hex('02 03 "ab" 00 00 00 00 00'))
  t.equal(written(writer => { writeMetadata(writer, 9, ['ab'], true) }), hex('02 03 "ab" 00 00 00 01 00'), 'with rights')
  const noId = '00000000000000000000000000000000'
  t.equal(written(writer => { writeMetadata(writer, 10, ['ab']) }), hex(`02 ${noId} 03 "ab" 00 00 00 00 00`))
  t.equal(written(writer => { writeMetadata(writer, 12, ['ab', 'c']) }), hex(`03 ${noId} 03 "ab" 00 ${noId} 02 "c" 00 00 00 00`))
  const head = '02 00000001 04 "a.b" 00002384 00 00 03 "id" 00000001'
  const partition = '0000 00000002 00000001 00000007 02 00000001 02 00000001 01 00'
  const expected = {
    brokers: [{ nodeId: 1, host: 'a.b', port: 9092 }],
    topics: [{ name: 'ab', code: 0, partitions: [{ index: 2, code: 0, leader: 1, leaderEpoch: 7, replicaCount: 1 }] }]
  }
  t.same(readMetadata(new Reader(bytes(`${head} 02 0000 03 "ab" 00 02 ${partition} 80000000 00 80000000 00`)), 9), expected)
  const id = '000102030405060708090a0b0c0d0e0f'
  t.same(readMetadata(new Reader(bytes(`${head} 02 0000 03 "ab" ${id} 00 02 ${partition} 80000000 00 00`)), 12), expected)
  t.match(readMetadata(new Reader(bytes(`${head} 02 0000 03 "ab" ${id} 00 02 ${partition} 00000118 00 00`)), 12),
    { topics: [{ rights: 0x118 }] })
  t.ok(readMetadata(new Reader(bytes(`${head} ffffffff0f`)), 12) instanceof KafkaError, 'a count that cannot be true')
})

t.test('InitProducerId', async t => {
  t.equal(written(writeInitProducerId), hex('00 7fffffff ffffffffffffffff ffff 00'))
  t.same(readInitProducerId(new Reader(bytes('0000 0000000100000002 0003 00'))), { id: 0x100000002n, epoch: 3 })
  t.match(readInitProducerId(new Reader(bytes('001f 0000000000000000 0000 00'))), { type: 'CLUSTER_AUTHORIZATION_FAILED' })
})

t.test('DescribeConfigs', async t => {
  t.equal(written(writer => { writeTopicSettings(writer, ['ab'], ['x', 'yz']) }),
    hex('02 02 03 "ab" 03 02 "x" 03 "yz" 00 00 00 00'))
  const setting = '02 "x" 02 "7" 00 05 00 02 02 "x" 02 "7" 05 00 02 00 00'
  const nothing = '02 "y" 00 00 05 00 01 02 00 00'
  t.same(readTopicSettings(new Reader(bytes(`03 0000 00 02 03 "ab" 03 ${setting} ${nothing} 00 001d 03 "no" 02 02 "c" 01 00 00`))),
    [{ topic: 'ab', code: 0, settings: new Map([['x', '7'], ['y', '']]) }, { topic: 'c', code: 29, settings: new Map() }])
  t.ok(readTopicSettings(new Reader(bytes('ffffffff0f'))) instanceof KafkaError)
})

t.test('SASL', async t => {
  t.equal(written(writer => { writeSaslHandshake(writer, 'PLAIN') }), hex('0005 "PLAIN"'))
  t.same(readSaslHandshake(new Reader(bytes('0021 00000002 0001 "A" 0001 "B"'))), { code: 33, mechanisms: ['A', 'B'] })
  t.equal(written(writer => { writeSaslAuthenticate(writer, Buffer.from('xy')) }), hex('03 "xy" 00'))
  t.same(readSaslAuthenticate(new Reader(bytes('003a 03 "no" 04 "abc" 0000000000000e10 00'))),
    { code: 58, message: 'no', bytes: Buffer.from('abc'), sessionLifetimeMs: 3_600 })
})

const batchesOf = (...places: [string, number, string][]): { topic: string, partition: number, bytes: Buffer }[] =>
  places.map(([topic, partition, text]) => ({ topic, partition, bytes: Buffer.from(text) }))

t.test('Produce puts batches between its pieces without copying them', async t => {
  const batches = batchesOf(['t', 0, 'one'], ['t', 5, 'three'])
  const pieces = writeProduce({ api: apis.produce, version: 9, correlationId: 1, clientId: 'c' }, batches, 1_000)
  t.ok(pieces.includes(batches[0]?.bytes ?? Buffer.alloc(0)))
  t.equal(Buffer.concat(pieces).toString('hex'),
    hex(`0000002d 0000 0009 00000001 0001 "c" 00 00 ffff 000003e8 02 02 "t" 03
      00000000 04 "one" 00 00000005 06 "three" 00 00 00`))
})

t.test('a topic stands in a request once, and answers find their batches in any order', async t => {
  const batches = batchesOf(['a', 0, 'x'], ['b', 0, 'y'], ['a', 1, 'z'])
  const request = Buffer.concat(writeProduce({ api: apis.produce, version: 9, correlationId: 1, clientId: '' }, batches, 0))
  t.match(request.toString('hex'), new RegExp(hex('03 02 "a" 03 00000000 02 "x" 00 00000001 02 "z" 00 00 02 "b"')))
  const rest = '0000000000000001 ffffffffffffffff 01 00'
  const answer = `03 02 "b" 02 00000000 0000 0000000000000009 ${rest} 00 00
    02 "a" 03 00000001 0006 ffffffffffffffff ${rest} 01 00 09 00000003 00000004 00 00000000 0000 0000000000000007 ${rest} 00 00 00000064 00`
  const read = readProduce(new Reader(bytes(answer)), batches)
  t.same(read, {
    throttleMs: 100,
    results: [
      { code: 0, baseOffset: 7, invalidRecords: [], leader: undefined },
      { code: 0, baseOffset: 9, invalidRecords: [], leader: undefined },
      { code: 6, baseOffset: -1, invalidRecords: [], leader: { nodeId: 3, epoch: 4 } }
    ]
  })
  t.ok(readProduce(new Reader(bytes(`${answer} 00`)), batches) instanceof KafkaError, 'one byte too many')
  const partial = readProduce(new Reader(bytes(`02 02 "a" 02 00000001 0057 ffffffffffffffff ffffffffffffffff ffffffffffffffff
    03 00000004 00 00 00000009 04 "bad" 00 00 00 00 00000000 00`)), batches)
  t.same(partial, {
    throttleMs: 0,
    results: [undefined, undefined, { code: 87, baseOffset: -1, invalidRecords: [4, 9], leader: undefined }]
  })
})

t.test('numbers are read and written to their limits', async t => {
  t.equal(new Reader(bytes('001fffffffffffff')).int64(), Number.MAX_SAFE_INTEGER)
  t.equal(new Reader(bytes('ffffffffffffffff')).int64(), -1)
  t.equal(new Reader(bytes('ffffffff0f')).uvarint(), 0xffff_ffff)
  const tooLong = new Reader(bytes('ffffffffff01'))
  t.equal(tooLong.uvarint(), 0)
  t.ok(tooLong.broken)
  fc.assert(fc.property(fc.nat(0xffff_ffff), fc.string(), (number, text) => {
    const reader = new Reader(new Writer(1).uvarint(number).compactText(text).text(text).slice())
    const read = [reader.uvarint(), reader.compactText(), reader.text()]
    t.same([...read, reader.leftBytes, reader.broken], [number, text, text, 0, false])
  }), { numRuns: 100 })
})

t.test('random bytes give errors or answers, and never throw', async t => {
  const batches = batchesOf(['a', 0, 'x'])
  const readers: ((reader: Reader) => unknown)[] = [
    reader => readApiVersions(reader, 3), reader => readApiVersions(reader, 0), reader => readMetadata(reader, 12),
    reader => readMetadata(reader, 9), readInitProducerId, readSaslHandshake, readSaslAuthenticate,
    reader => readProduce(reader, batches)
  ]
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), random => {
    for (const read of readers) t.ok(read(new Reader(Buffer.from(random))) !== undefined)
  }), { numRuns: 300 })
})
