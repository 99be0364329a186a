// What an event adds to the attributes around it: beside them and never in their place.

import t from 'tap'
import { attributesOf } from '../../test/support/odd-envelopes.ts'
import { AddedAttributes } from './added-attributes.ts'

const base = attributesOf([[':path', '/p'], ['x-proxy', 'kept'], ['x-proxy', 'again']])
const added = new AddedAttributes(base, ['x-proxy', 'forged', 'x-own', 'mine', ':path', 'forged', ':method', 'forged'])

t.test('what is there already keeps its value, and what is new is there too', async t => {
  t.same(['x-proxy', 'x-own', 'x-none'].map(name => added.get(name)), ['kept', 'mine', undefined])
})

t.test('names of the request itself cannot be added', async t => {
  t.same([':path', ':method'].map(name => added.get(name)), ['/p', undefined])
})

t.test('each is visited once, those that were there first', async t => {
  const seen: string[] = []
  added.forEach((name, value) => { seen.push(`${name}=${value}`) })
  t.same(seen, ['x-proxy=kept', 'x-proxy=again', 'x-own=mine'])
})
