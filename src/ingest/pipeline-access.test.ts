// What the pipeline asks of whoever sends, before and after the policies: sources, access that ends, what judges hold.

import t from 'tap'
import { envelopeWith } from '../../test/support/odd-envelopes.ts'
import { createPipelineRig, OutcomeRecorder, receiptFor } from '../../test/support/pipeline-rig.ts'
import type { Envelope } from '../contract/envelope.ts'
import { refuse } from '../contract/outcome.ts'
import type { Judge } from '../contract/policy.ts'

t.test('a principal bound to sources sends no other, and what it wraps has the source of its route', async t => {
  const { ingress, deliveries } = createPipelineRig()
  const principal = { name: 'factory-7', groups: [], anonymous: false, sources: ['/factories/7/*'] }
  const settler = new OutcomeRecorder()
  ingress.ingestMany([
    envelopeWith({ id: 'own', source: '/factories/7/line', principal }),
    envelopeWith({ id: 'foreign', source: '/factories/8/line', principal }),
    envelopeWith({ id: 'wrapped', source: '', wrapped: true, principal })
  ], settler, 0)
  t.same(deliveries.map(({ record }) => record.id), ['own', 'wrapped'])
  t.match(settler.of(1), { code: 'forbidden', outcome: 'refused', pointer: '/source' })
})

t.test('the next event of a principal whose access ended is refused, whatever its connection proved before', async t => {
  const { ingress, access, deliveries } = createPipelineRig()
  const principal = { name: 'anna', groups: [], anonymous: false }
  const told: string[] = []
  ingress.watchRevoked(name => told.push(name))
  const settler = new OutcomeRecorder()
  ingress.ingest(envelopeWith({ principal }), settler, 0)
  access.disable(['anna'])
  ingress.ingest(envelopeWith({ principal }), settler, 1)
  ingress.ingest(envelopeWith({ principal: { ...principal, name: 'bob', expiresAtMs: 5 } }), settler, 2)
  t.equal(deliveries.length, 1)
  t.match([settler.of(1), settler.of(2)], [{ code: 'unauthenticated' }, { code: 'unauthenticated' }])
  t.same(told, ['anna'])
})

t.test('what a judge holds is given back when the event has its outcome, whatever that is', async t => {
  const heldIds = new Set<string>()
  const holding: Judge = {
    judge: ({ id }) => { heldIds.add(id) },
    release: ({ id }) => { heldIds.delete(id) }
  }
  const refusing = (one: Envelope): ReturnType<Judge['judge']> => one.id === 'refused' ? refuse('forbidden', 'no') : undefined
  const { ingress, deliveries } = createPipelineRig({
    judges: [['holding', 'event', holding], ['refusing', 'event', refusing]], routes: [{ key: { extension: 'key' } }]
  })
  const settler = new OutcomeRecorder()
  const extensions = new Map([['key', 'k']])
  ingress.ingestMany([
    envelopeWith({ id: 'written', extensions }), envelopeWith({ id: 'refused', extensions }),
    envelopeWith({ id: 'broken', data: Buffer.from('{'), extensions }), envelopeWith({ id: 'keyless' })
  ], settler, 0)
  t.same([...heldIds], ['written'])
  ingress.ingest(envelopeWith({ id: 'failed', extensions }), settler, 4)
  t.same([...heldIds], ['written', 'failed'])
  for (const { record, settle } of deliveries) settle(record.id === 'written' ? receiptFor(record) : refuse('internal', 'x'))
  t.same([...heldIds], [])
})

t.test('a proof that ends while a request goes on ends its later events', async t => {
  const { ingress, deliveries } = createPipelineRig()
  const principal = { name: 'anna', groups: [], anonymous: false, expiresAtMs: Date.now() - 1 }
  const settler = new OutcomeRecorder()
  ingress.ingest(envelopeWith({ principal, receivedAtMs: Date.now() - 60_000 }), settler, 0)
  t.match(settler.of(0), { code: 'unauthenticated' })
  t.equal(deliveries.length, 0)
})

t.test('a proof that is taken once is used up by the first event that may be written, whoever the judges make of it', async t => {
  const renamed: Judge = { judge: envelope => ({ ...envelope, principal: { name: 'other', groups: [], anonymous: false } }) }
  const refusing: Judge = { judge: ({ id }) => id === 'no' ? refuse('forbidden', 'no') : undefined }
  const { ingress, deliveries } = createPipelineRig({ judges: [['rename', 'request', renamed], ['refuse', 'event', refusing]] })
  const notes: string[] = []
  const singleUse = { useUp () { notes.push('used') }, giveBack () { notes.push('given back') } }
  const principal = { name: 'anna', groups: [], anonymous: false, singleUse }
  const settler = new OutcomeRecorder()
  ingress.ingestMany([envelopeWith({ id: 'no', principal }), envelopeWith({ id: 'yes', principal })], settler, 0)
  t.same(notes, [])
  for (const { settle, record } of deliveries) settle(receiptFor(record))
  t.same(notes, ['used'])
  ingress.conclude(principal)
  ingress.conclude({ ...principal, singleUse: undefined })
  t.same(notes, ['used', 'given back'], 'the door tells that the request is over')
})

t.test('a refusal tells of the sender that a judge of the request has named, before the sink and behind it', async t => {
  const renamed: Judge = { judge: envelope => ({ ...envelope, principal: { name: 'other', groups: [], anonymous: false } }) }
  const refusing: Judge = { judge: ({ id }) => id === 'no' ? refuse('forbidden', 'no') : undefined }
  const { ingress, deliveries, refused } = createPipelineRig({ judges: [['rename', 'request', renamed], ['refuse', 'event', refusing]] })
  ingress.ingestMany([envelopeWith({ id: 'no' }), envelopeWith({ id: 'late' })], new OutcomeRecorder(), 0)
  for (const { settle } of deliveries) settle(refuse('delivery-timeout', 'late'))
  t.same(refused.map(({ refusal: { code }, sender }) => `${code} ${sender}`), ['forbidden other', 'delivery-timeout other'])
})
