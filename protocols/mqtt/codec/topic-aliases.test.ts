// Tests of Topic Aliases: what they stand for, their range, and that they hold no more than their limits.

import t from 'tap'
import type { PublishPacket } from './packet.ts'
import { TopicAliases } from './topic-aliases.ts'

const limits = { aliasesCountMax: 3, nameLengthMax: 20 }

function publish (topicName: string, topicAlias?: number): PublishPacket {
  return {
    type: 'PUBLISH', dup: false, qos: 0, retain: false, topicName, packetId: 0, properties: { topicAlias },
    payload: Buffer.alloc(0)
  }
}

t.test('an alias stands for the name that came with it last', async t => {
  const aliases = new TopicAliases(limits)
  t.equal(aliases.resolve(publish('a')), 'a')
  t.equal(aliases.heldCount, 0)
  t.equal(aliases.resolve(publish('b', 1)), 'b')
  t.equal(aliases.resolve(publish('', 1)), 'b')
  t.equal(aliases.resolve(publish('c', 1)), 'c')
  t.equal(aliases.resolve(publish('', 1)), 'c')
  t.equal(aliases.heldCount, 1)
})

t.test('every alias up to the maximum is taken, and none above it [MQTT-3.3.2-12] [MQTT-3.3.2-10] [MQTT-3.3.2-9]', async t => {
  const aliases = new TopicAliases(limits)
  for (const alias of [1, 2, 3]) t.equal(aliases.resolve(publish(`name-${alias}`, alias)), `name-${alias}`)
  t.match(aliases.resolve(publish('x', 4)), { reasonCode: 0x94, clause: 'MQTT-3.3.2-9' })
  t.match(new TopicAliases({ ...limits, aliasesCountMax: 0 }).resolve(publish('x', 1)), { reasonCode: 0x94 })
})

t.test('an alias that stands for nothing is refused', async t => {
  t.match(new TopicAliases(limits).resolve(publish('', 2)), { rule: 'alias-unknown', reasonCode: 0x82 })
})

t.test('the aliases of one connection are not those of another [MQTT-3.3.2-7]', async t => {
  new TopicAliases(limits).resolve(publish('a', 1))
  t.match(new TopicAliases(limits).resolve(publish('', 1)), { rule: 'alias-unknown' })
})

t.test('of a name that is too long to be used, only enough is kept to see that', async t => {
  const aliases = new TopicAliases(limits)
  const long = 'x'.repeat(60_000)
  t.equal(aliases.resolve(publish(long, 1)), long)
  t.equal(aliases.resolve(publish('', 1)), 'x'.repeat(21))
})
