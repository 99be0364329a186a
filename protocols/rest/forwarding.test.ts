// Forwarding headers: whose word is taken, how far it reaches, and that a sender cannot make itself another one.

import type { IncomingMessage } from 'node:http'
import fc from 'fast-check'
import t from 'tap'
import { startRest } from '../../test/support/rest-rig.ts'
import type { Peer } from '../../src/contract/envelope.ts'
import type { RestConfig } from './config.ts'
import { createForwarding } from './forwarding.ts'

const trustedProxies = ['10.0.0.0/8', '::1']
const proxy: Peer = { address: '10.0.0.1', port: 1_234, secure: true, connectionId: 7 }

function request (headers: Record<string, string>): IncomingMessage { return { headers } as unknown as IncomingMessage }

function senderOf (header: RestConfig['forwardedHeader'], value: string, from = proxy.address): string {
  const find = createForwarding({ trustedProxies, forwardedHeader: header })
  const { address, port } = find({ ...proxy, address: from }, request({ [header]: value }))
  return `${address} ${port}`
}

const plain: [why: string, value: string, from: string, sender: string][] = [
  ['a trusted proxy is believed', '203.0.113.7', '10.0.0.1', '203.0.113.7 0'],
  ['anybody else is not', '203.0.113.7', '198.51.100.1', '198.51.100.1 1234'],
  ['what the sender wrote before the proxy is not believed', '1.1.1.1, 203.0.113.7', '10.0.0.1', '203.0.113.7 0'],
  ['not even where it writes a proxy\'s address', '1.1.1.1, 10.0.0.9, 203.0.113.7', '10.0.0.1', '203.0.113.7 0'],
  ['of proxies in a row each is believed', '203.0.113.7, 10.9.9.9, 10.0.0.2', '10.0.0.1', '203.0.113.7 0'],
  ['a sender inside may have an address that is trusted', '10.5.5.5, 10.0.0.2', '10.0.0.1', '10.5.5.5 0'],
  ['without a word it is the proxy itself', '', '10.0.0.1', '10.0.0.1 1234'],
  ['what is no address tells nothing', 'unknown', '10.0.0.1', '10.0.0.1 1234'],
  ['what is no address ends the reading', '203.0.113.7, unknown, 10.0.0.2', '10.0.0.1', '10.0.0.2 0'],
  ['an empty element ends the reading', '203.0.113.7,,10.0.0.2', '10.0.0.1', '10.0.0.2 0'],
  ['some proxies tell the port', '203.0.113.7:51000', '10.0.0.1', '203.0.113.7 51000'],
  ['IPv6 may stand in brackets', '[2001:db8::7]:51000', '10.0.0.1', '2001:db8::7 51000'],
  ['IPv6 may stand without them', '2001:db8::7', '10.0.0.1', '2001:db8::7 0'],
  ['mapped IPv4 is IPv4', '::ffff:203.0.113.7', '10.0.0.1', '203.0.113.7 0'],
  ['a mapped proxy is trusted as IPv4', '203.0.113.7, ::ffff:10.0.0.2', '10.0.0.1', '203.0.113.7 0'],
  ['a port that is none tells nothing', '203.0.113.7:99999', '10.0.0.1', '10.0.0.1 1234'],
  ['rows without end are not walked', '203.0.113.7,' + '10.0.0.2,'.repeat(500) + '10.0.0.3', '10.0.0.1', '10.0.0.2 0']
]
for (const [why, value, from, sender] of plain) {
  t.test(why, async t => { t.equal(senderOf('x-forwarded-for', value, from), sender) })
}

const forwarded: [value: string, sender: string][] = [
  ['for=203.0.113.7', '203.0.113.7 0'],
  ['For="203.0.113.7:51000";proto=https;by=10.0.0.1', '203.0.113.7 51000'],
  ['proto=https; for="[2001:db8::7]:51000"', '2001:db8::7 51000'],
  ['for=1.1.1.1, for=203.0.113.7, for=10.0.0.2', '203.0.113.7 0'],
  ['for=1.1.1.1, host="a,for=2.2.2.2";for=203.0.113.7', '203.0.113.7 0'],
  ['host="a;for=2.2.2.2";for=203.0.113.7', '203.0.113.7 0'],
  ['host="a\\";for=2.2.2.2";for=203.0.113.7', '203.0.113.7 0'],
  ['for=203.0.113.7;host="a\\\\"', '203.0.113.7 0'],
  ['for=_hidden', '10.0.0.1 1234'],
  ['for=unknown, for=10.0.0.2', '10.0.0.2 0'],
  ['by=203.0.113.7', '10.0.0.1 1234'],
  ['203.0.113.7', '10.0.0.1 1234'],
  ['for="203.0.113.7', '10.0.0.1 1234']
]
for (const [value, sender] of forwarded) {
  t.test(`Forwarded: ${value} is ${sender}`, async t => { t.equal(senderOf('forwarded', value), sender) })
}

t.test('the header that is not configured is not read', async t => {
  const find = createForwarding({ trustedProxies, forwardedHeader: 'x-forwarded-for' })
  t.equal(find(proxy, request({ 'forwarded': 'for=203.0.113.7', 'x-real-ip': '203.0.113.7' })), proxy)
  t.equal(createForwarding({ trustedProxies: [], forwardedHeader: 'forwarded' })(proxy, request({ forwarded: 'for=1.1.1.1' })), proxy)
})

t.test('the sender keeps what is the connection\'s, and is one while its address stays the same', async t => {
  const find = createForwarding({ trustedProxies, forwardedHeader: 'x-forwarded-for' })
  const first = find(proxy, request({ 'x-forwarded-for': '203.0.113.7' }))
  t.match(first, { address: '203.0.113.7', secure: true, connectionId: 7 })
  t.equal(first.via, proxy)
  t.equal(find(proxy, request({ 'x-forwarded-for': '203.0.113.7' })), first)
  t.not(find(proxy, request({ 'x-forwarded-for': '203.0.113.8' })), first)
})

t.test('whatever a sender writes, what the proxy wrote after it decides', t => {
  for (const header of ['x-forwarded-for', 'forwarded'] as const) {
    const element = header === 'forwarded' ? 'for=203.0.113.7' : '203.0.113.7'
    fc.assert(fc.property(fc.string({ maxLength: 200 }), text => {
      t.equal(senderOf(header, `${text}, ${element}`), '203.0.113.7 0')
      senderOf(header, text)
    }), { numRuns: 1_000 })
  }
  t.end()
})

t.test('events and authentication see the sender', async t => {
  const rig = await startRest(t, { config: { trustedProxies: ['127.0.0.1'] } })
  const seen: Peer[] = []
  rig.ingress.authenticated = (_credentials, peer) => {
    seen.push(peer)
    return { name: 'a', groups: [], anonymous: false }
  }
  const { status } = await rig.request('POST', '/v1/events/orders/eu', {
    headers: { 'x-forwarded-for': '1.1.1.1, 203.0.113.7', 'content-type': 'application/json' }, body: '{}'
  })
  t.equal(status, 200)
  t.match(rig.ingress.envelopes[0]?.peer, { address: '203.0.113.7', via: { address: '127.0.0.1' } })
  t.equal(seen[0], rig.ingress.envelopes[0]?.peer)
})
