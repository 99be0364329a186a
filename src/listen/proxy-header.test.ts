// The PROXY header: what each form says, and that no bytes make it throw, wait for ever or read beyond its cap.

import fc from 'fast-check'
import t from 'tap'
import { binaryHeader } from '../../test/support/proxy-headers.ts'
import { proxyHeaderBytesMax, readProxyHeader } from './proxy-header.ts'

const four = { address: '203.0.113.7', port: 51_000 }
const six = { address: '2001:db8:0:0:0:0:0:7', port: 51_000 }
const readable: [what: string, bytes: Buffer, farEnd: object | undefined][] = [
  ['version 1 over IPv4', Buffer.from('PROXY TCP4 203.0.113.7 10.0.0.1 51000 443\r\n'), four],
  ['version 1 over IPv6', Buffer.from('PROXY TCP6 2001:db8:0:0:0:0:0:7 ::1 51000 443\r\n'), six],
  ['version 1 of unknown', Buffer.from('PROXY UNKNOWN\r\n'), undefined],
  ['version 1 of unknown with more', Buffer.from('PROXY UNKNOWN ffff::1 what ever\r\n'), undefined],
  ['version 2 over IPv4', binaryHeader({ source: '203.0.113.7', port: 51_000 }), four],
  ['version 2 over IPv6', binaryHeader({ source: '2001:db8::7', port: 51_000 }), six],
  ['version 2 with extensions', binaryHeader({ source: '203.0.113.7', port: 51_000, extraBytes: 300 }), four],
  ['version 2 of the proxy itself', binaryHeader({ command: 0 }), undefined],
  ['version 2 of the proxy itself with addresses', binaryHeader({ command: 0, source: '203.0.113.7' }), undefined],
  ['version 2 of no family', binaryHeader({}), undefined],
  ['version 2 of a Unix socket', binaryHeader({ family: 0x31, extraBytes: 216 }), undefined]
]

for (const [what, bytes, farEnd] of readable) {
  t.test(`${what} is read, and not before it is complete`, async t => {
    const rest = Buffer.from('GET / HTTP/1.1\r\n')
    t.same(readProxyHeader(Buffer.concat([bytes, rest])), { lengthBytes: bytes.length, farEnd })
    t.same(readProxyHeader(bytes), { lengthBytes: bytes.length, farEnd })
    for (let length = 0; length < bytes.length; length++) t.equal(readProxyHeader(bytes.subarray(0, length)), 'more')
  })
}

const wrong: [what: string, bytes: Buffer][] = [
  ['a request', Buffer.from('GET / HTTP/1.1\r\n')],
  ['a TLS handshake', Buffer.from('160301', 'hex')],
  ['another case', Buffer.from('proxy TCP4 1.2.3.4 1.2.3.4 1 1\r\n')],
  ['another family', Buffer.from('PROXY UDP4 1.2.3.4 1.2.3.4 1 1\r\n')],
  ['an address of the other family', Buffer.from('PROXY TCP4 ::1 ::1 1 1\r\n')],
  ['IPv4 as IPv6', Buffer.from('PROXY TCP6 1.2.3.4 1.2.3.4 1 1\r\n')],
  ['two spaces', Buffer.from('PROXY TCP4  1.2.3.4 1.2.3.4 1 1\r\n')],
  ['too few parts', Buffer.from('PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n')],
  ['too many parts', Buffer.from('PROXY TCP4 1.2.3.4 1.2.3.4 1 1 1\r\n')],
  ['no port', Buffer.from('PROXY TCP4 1.2.3.4 1.2.3.4 x 1\r\n')],
  ['a port out of range', Buffer.from('PROXY TCP4 1.2.3.4 1.2.3.4 65536 1\r\n')],
  ['a zero in front', Buffer.from('PROXY TCP4 01.2.3.4 1.2.3.4 1 1\r\n')],
  ['a zone', Buffer.from('PROXY TCP6 fe80::1%eth0 ::1 1 1\r\n')],
  ['a line without end', Buffer.from(`PROXY TCP4 ${'1'.repeat(200)}`)],
  ['a line that ends too late', Buffer.from(`PROXY UNKNOWN ${' '.repeat(100)}\r\n`)],
  ['a third version', binaryHeader({ version: 3, source: '1.2.3.4' })],
  ['an unknown command', binaryHeader({ command: 2, source: '1.2.3.4' })],
  ['datagrams', binaryHeader({ family: 0x12, extraBytes: 12 })],
  ['addresses cut short', binaryHeader({ family: 0x21, extraBytes: 12 })],
  ['a length above the cap', binaryHeader({ source: '1.2.3.4', extraBytes: proxyHeaderBytesMax })]
]
for (const [what, bytes] of wrong) {
  t.test(`${what} is no header`, async t => { t.equal(readProxyHeader(bytes), 'wrong') })
}

t.test('whatever comes in, the answer is quick and right up to its length', t => {
  const start = fc.constantFrom(Buffer.alloc(0), Buffer.from('PROXY '), Buffer.from('PROXY TCP4 1.2.3.4 '), Buffer.from('PROXY TCP6 '),
    Buffer.from('0d0a0d0a000d0a515549540a', 'hex'), Buffer.from('0d0a0d0a000d0a515549540a2121', 'hex'))
  fc.assert(fc.property(start, fc.uint8Array({ maxLength: 5_000 }), (head, tail) => {
    const bytes = Buffer.concat([head, tail])
    const answer = readProxyHeader(bytes)
    if (answer === 'wrong') return
    // Who waits holds less than the cap, so it cannot wait for ever.
    if (answer === 'more') return void t.ok(bytes.length < proxyHeaderBytesMax)
    t.ok(answer.lengthBytes <= Math.min(bytes.length, proxyHeaderBytesMax))
    t.same(readProxyHeader(bytes.subarray(0, answer.lengthBytes)), answer)
    t.equal(readProxyHeader(bytes.subarray(0, answer.lengthBytes - 1)), 'more')
  }), { numRuns: 3_000 })
  t.end()
})
