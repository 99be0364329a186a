// Addresses and networks: what is one, what belongs to which, checked against what the platform says.

import { BlockList, isIP } from 'node:net'
import fc from 'fast-check'
import t from 'tap'
import { addressSet, isAddress, networkOf, plainAddress, siteOf } from './address.ts'

t.test('what the platform takes for an address is one here, and nothing else', t => {
  const odd = fc.stringMatching(/^[0-9a-f:.%]{0,20}$/)
  fc.assert(fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), fc.string(), odd), text => {
    // A zone belongs to this machine, not to an address that somebody writes down.
    if (!text.includes('%')) t.equal(isAddress(text), isIP(text) !== 0, text)
  }), { numRuns: 2_000 })
  for (const text of ['', '1.2.3', '1.2.3.4.5', '01.2.3.4', '256.1.1.1', '1::2::3', ':::', ':1', '1:', 'fe80::1%eth0',
    '::1.2.3', '1.2.3.4::', '1:2:3:4:5:6:7:8:9', '1:2:3:4:5:6:7::8:9', ' 1.2.3.4', '1.2.3.4 ']) t.notOk(isAddress(text), text)
  t.end()
})

const table: [entries: string[], address: string, belongs: boolean][] = [
  [['10.0.0.0/8'], '10.255.0.1', true],
  [['10.0.0.0/8'], '11.0.0.1', false],
  [['10.1.2.3'], '10.1.2.3', true],
  [['10.1.2.3'], '::ffff:10.1.2.3', true],
  [['10.1.2.3'], '::FFFF:0A01:0203', true],
  [['10.1.2.77/24'], '10.1.2.3', true],
  [['::ffff:10.0.0.0/104'], '10.200.0.1', true],
  [['::ffff:10.0.0.0/104'], '11.200.0.1', false],
  [['2001:db8::/32'], '2001:DB8:1::5', true],
  [['2001:db8::/32'], '2001:db9::', false],
  [['fe80::/10'], 'fe80::1%eth0', true],
  [['::/0'], '2001:db8::1', true],
  [['::/0'], '1.2.3.4', false],
  [['0.0.0.0/0'], '1.2.3.4', true],
  [['0.0.0.0/0'], '::1', false],
  [['0.0.0.0/0', '::/0'], 'nonsense', false],
  [['0.0.0.0/0'], '', false],
  [[], '1.2.3.4', false]
]
for (const [entries, address, belongs] of table) {
  t.test(`${address || 'nothing'} is ${belongs ? '' : 'not '}in [${entries.join(', ')}]`, async t => {
    t.equal(addressSet(entries).has(address), belongs)
    t.equal(addressSet(entries).isEmpty, entries.length === 0)
  })
}

t.test('a list of networks says the same as the platform\'s', t => {
  fc.assert(fc.property(fc.ipV4(), fc.integer({ min: 0, max: 32 }), fc.ipV4(), (network, bits, address) => {
    const list = new BlockList()
    list.addSubnet(network, bits)
    t.equal(addressSet([`${network}/${bits}`]).has(address), list.check(address))
  }))
  fc.assert(fc.property(fc.ipV6(), fc.integer({ min: 97, max: 128 }), fc.ipV6(), (network, bits, address) => {
    const list = new BlockList()
    list.addSubnet(network, bits, 'ipv6')
    t.equal(addressSet([`${network}/${bits}`]).has(address), list.check(address, 'ipv6'), `${network}/${bits} ${address}`)
  }))
  t.end()
})

t.test('what is no network is told by name', async t => {
  for (const entry of ['10.0.0.0/33', '10.0.0.0/', '10.0.0.0/-1', '10/8', 'host', '::/129', '::ffff:10.0.0.0/95', '1.2.3.4/8/8']) {
    t.equal(networkOf(entry), undefined, entry)
    t.throws(() => addressSet([entry]), { message: `"${entry}" is no address` })
  }
  t.equal(networkOf('::1'), '::1')
})

t.test('an address is written in one way, and one site is counted once', async t => {
  t.equal(plainAddress('::ffff:10.1.2.3'), '10.1.2.3')
  t.equal(plainAddress('10.1.2.3'), '10.1.2.3')
  t.equal(plainAddress('2001:db8::1'), '2001:db8::1')
  t.equal(plainAddress('nonsense:'), 'nonsense:')
  t.equal(siteOf('::ffff:10.1.2.3'), siteOf('10.1.2.3'))
  t.equal(siteOf('2001:db8:0:1::1'), siteOf('2001:db8:0:1:ffff:ffff:ffff:ffff'))
  t.not(siteOf('2001:db8:0:1::1'), siteOf('2001:db8:0:2::1'))
  t.not(siteOf('10.1.2.3'), siteOf('10.1.2.4'))
  t.equal(siteOf('nonsense'), 'nonsense')
})

t.test('a network has no bits of a host behind it', async t => {
  const table: [written: string, right: string][] = [
    ['10.1.2.3/8', '10.0.0.0/8'], ['10.0.0.0/8', '10.0.0.0/8'], ['10.1.2.3', '10.1.2.3'], ['1.2.3.4/32', '1.2.3.4/32'],
    ['255.255.255.255/0', '0.0.0.0/0'], ['2001:db8::1/32', '2001:db8::/32'], ['2001:DB8::/32', '2001:DB8::/32'],
    ['2001:db8:1:2:3:4:5:6/65', '2001:db8:1:2::/65'], ['::1/0', '::/0']
  ]
  for (const [written, right] of table) t.equal(networkOf(written), right, written)
})
