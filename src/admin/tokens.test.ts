// Tokens of the admin listener: the right one passes at once, wrong ones wait, and only so many of them.

import { createHash } from 'node:crypto'
import t from 'tap'
import { createTokenCheck } from './tokens.ts'

const hashOf = (token: string): string => `sha256:${createHash('sha256').update(token).digest('hex')}`
const atOnce = async (): Promise<void> => {}
const never = (): Promise<void> => new Promise(() => {})

t.test('any of the tokens passes, and nothing else does', async t => {
  const { check } = createTokenCheck([hashOf('one'), hashOf('two')], atOnce)
  for (const right of ['Bearer one', 'bearer two', 'BEARER  two']) t.equal(await check(right), undefined, right)
  const wrong = ['Bearer three', 'Bearer', 'Bearer ', 'Basic one', 'one', 'Bearer one two', 'Bearer on', `Bearer ${'x'.repeat(513)}`]
  for (const value of [...wrong, `Bearer ${hashOf('one')}`]) t.match(await check(value), { code: 'unauthenticated' }, value)
  t.match(await check(undefined), { code: 'unauthenticated', headers: { 'www-authenticate': /^Bearer / } })
})

t.test('without a token in the config none is right', async t => {
  t.match(await createTokenCheck([], atOnce).check('Bearer x'), { code: 'unauthenticated' })
})

t.test('wrong tokens wait, a bounded number of them; the right one does not, nor does whoever shows none', async t => {
  const { check, gauges } = createTokenCheck([hashOf('one')], never)
  const waiting = new Set(Array.from({ length: 16 }, () => check('Bearer guess')))
  t.match(await check('Bearer guess'), { code: 'too-many-tries', headers: { 'retry-after': '1' } })
  t.equal(await check('Bearer one'), undefined)
  t.match(await check(undefined), { code: 'unauthenticated' })
  t.equal(gauges.get('admin_tries_waiting')?.(), waiting.size)
  t.equal(gauges.get('admin_wrong_tokens_total')?.(), 17)
})

t.test('a try that has waited makes room for the next', async t => {
  const { check, gauges } = createTokenCheck([hashOf('one')], atOnce)
  await Promise.all(Array.from({ length: 16 }, () => check('Bearer guess')))
  t.equal(gauges.get('admin_tries_waiting')?.(), 0)
  t.match(await check('Bearer guess'), { code: 'unauthenticated' })
})
