// Tests of the fields of packets: texts, integers of each form, and what stands at their ends.

import t from 'tap'
import fc from 'fast-check'
import { answerTo, client4, client5, field, packet, properties } from '../../../test/support/mqtt-bytes.ts'
import { codecLimits } from '../../../test/support/mqtt-packets.ts'
import { Cursor } from './cursor.ts'
import type { CodecLimits } from './cursor.ts'
import { variableByteInteger } from './property-writer.ts'

function cursorOver (bytes: Buffer, limits: CodecLimits = codecLimits): Cursor {
  const cursor = new Cursor(limits)
  cursor.version = 5
  cursor.begin(bytes, 0, bytes.length)
  return cursor
}

/** The text of a field, or the rule that it breaks. */
function textOf (octets: Buffer | string | number[], limits = codecLimits): string {
  const cursor = cursorOver(field(octets), limits)
  const text = cursor.text()
  return cursor.violation?.rule ?? text
}

t.test('a text that is not well-formed UTF-8 is refused [MQTT-1.5.3-1] [MQTT-1.5.4-1]', async t => {
  const illFormed = {
    'a byte that continues nothing': [0x80], 'a start without its end': [0x61, 0xc3], 'two starts': [0xc3, 0xc3, 0xa9],
    'overlong NUL': [0xc0, 0x80], 'overlong /': [0xe0, 0x80, 0xaf], 'overlong in four bytes': [0xf0, 0x80, 0x80, 0xaf],
    'high surrogate': [0xed, 0xa0, 0x80], 'low surrogate': [0xed, 0xbf, 0xbf],
    'a pair of surrogates': [0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80], 'above U+10FFFF': [0xf4, 0x90, 0x80, 0x80],
    'five bytes': [0xf8, 0x88, 0x80, 0x80, 0x80], 'never a byte': [0xff]
  }
  for (const [what, octets] of Object.entries(illFormed)) {
    t.equal(textOf(octets), 'text-not-utf8', what)
    t.match(answerTo(client4, packet(0x30, field(octets))), { reasonCode: 0x81, clause: 'MQTT-1.5.3-1' }, what)
    t.match(answerTo(client5, packet(0x30, field(octets), [0])), { reasonCode: 0x81, clause: 'MQTT-1.5.4-1' }, what)
  }
})

t.test('a text with U+0000 is refused [MQTT-1.5.3-2] [MQTT-1.5.4-2]', async t => {
  for (const text of ['\0', 'a\0', '\0\u00e9', '\u{1f98a}\0']) t.equal(textOf(text), 'text-null')
  t.match(answerTo(client4, packet(0x30, 'a\0')), { reasonCode: 0x81, clause: 'MQTT-1.5.3-2' })
  t.match(answerTo(client5, packet(0x30, 'a\0', [0])), { reasonCode: 0x81, clause: 'MQTT-1.5.4-2' })
})

t.test('U+FEFF stays where it stands [MQTT-1.5.3-3] [MQTT-1.5.4-3]', async t => {
  for (const text of ['\ufeff', '\ufeffa', 'a\ufeffb']) {
    t.equal(textOf(text), text)
    t.match(answerTo(client4, packet(0x30, text)), { topicName: text })
    t.match(answerTo(client5, packet(0x30, text, [0])), { topicName: text })
  }
})

t.test('control characters and non-characters are refused, or taken where a limit says so', async t => {
  const lenient: CodecLimits = { ...codecLimits, disallowedCharacters: 'accept' }
  for (const text of ['\u0001', 'a\nb', '\u001f', '\u007f', '\u0080', '\u009f', '\ufdd0', '\ufdef', '\ufffe', '\uffff', '\u{1ffff}']) {
    t.equal(textOf(text), 'text-disallowed', escape(text))
    t.equal(textOf(text, lenient), text, escape(text))
  }
  for (const text of ['', ' ', '~', '\u00a0', '\ufffd', '\ufdf0', '\u{1fffd}', '\u{10fffd}']) t.equal(textOf(text), text)
})

t.test('every text that may be is read as it was written', async t => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), text => {
    const read = textOf(text, { ...codecLimits, disallowedCharacters: 'accept' })
    return text.includes('\0') ? read === 'text-null' : read === text
  }))
  t.pass()
})

t.test('a Variable Byte Integer has as few bytes as can be and at most four [MQTT-1.5.5-1]', async t => {
  for (const value of [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, 268_435_455]) {
    const cursor = cursorOver(variableByteInteger(value))
    t.equal(cursor.variableByteInteger(), value)
    t.equal(cursor.at, cursor.end)
  }
  for (const [octets, rule] of [
    [[0x80, 0x00], 'not-minimal'], [[0xff, 0x80, 0x00], 'not-minimal'], [[0xff, 0xff, 0xff, 0xff, 0x7f], 'variable-byte-integer'],
    [[0x80], 'truncated'], [[], 'truncated']
  ] as const) {
    const cursor = cursorOver(Buffer.from(octets))
    cursor.variableByteInteger()
    t.match(cursor.violation, { rule, reasonCode: 0x81 })
  }
  t.throws(() => variableByteInteger(268_435_456), RangeError)
})

t.test('a Remaining Length that has more bytes than it needs is refused in 5, and taken in 3.1.1 [MQTT-1.5.5-1]', async t => {
  const long = Buffer.from('c08000', 'hex')
  t.match(answerTo(client4, long), { type: 'PINGREQ' })
  t.match(answerTo(client5, long), { reasonCode: 0x81, clause: 'MQTT-1.5.5-1' })
})

t.test('a Remaining Length of more than four bytes is refused', async t => {
  for (const kind of [client4, client5]) {
    t.match(answerTo(kind, Buffer.from('30ffffffff', 'hex')), { rule: 'remaining-length', reasonCode: 0x81 })
    t.match(answerTo(kind, Buffer.from('3080808080', 'hex')), { rule: 'remaining-length' })
  }
})

t.test('both texts of a pair have to be UTF-8 [MQTT-1.5.7-1]', async t => {
  t.match(answerTo(client5, packet(0x30, 'a', properties(0x26, field([0xff]), 'v'))), { clause: 'MQTT-1.5.4-1' })
  t.match(answerTo(client5, packet(0x30, 'a', properties(0x26, 'n', field([0xff])))), { clause: 'MQTT-1.5.4-1' })
  t.match(answerTo(client5, packet(0x30, 'a', properties(0x26, 'n'))), { rule: 'truncated' })
})

t.test('after the first violation nothing else is read or told', async t => {
  const cursor = cursorOver(Buffer.from([0, 5, 0x61]))
  t.equal(cursor.text(), '')
  t.same([cursor.byte(), cursor.twoByteInteger(), cursor.fourByteInteger(), cursor.binaryData().length, cursor.text()], [0, 0, 0, 0, ''])
  cursor.violate('packet-id-zero')
  t.equal(cursor.violation?.rule, 'truncated')
})
