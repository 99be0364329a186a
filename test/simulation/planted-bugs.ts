// Bugs set between the core and its surroundings from outside, to see whether the checks of a schedule find them.

import type { OpenLink, ProduceBatch, ProduceListener, ProduceResult } from '../../src/kafka/broker-link.ts'
import type { Outcome, Settler } from '../../src/contract/outcome.ts'
import { checksum } from './batch-reader.ts'
import type { Plant } from './schedule.ts'
import type { World } from './world.ts'

/** What a planted link does with a produce request instead of passing it on as it is. */
type Meddle = (batches: readonly ProduceBatch[], listener: ProduceListener, world: World) =>
  { readonly batches: readonly ProduceBatch[], readonly listener: ProduceListener }

function meddling (meddle: Meddle): Plant {
  const links = (open: OpenLink, world: World): OpenLink => (address, listener) => {
    const link = open(address, listener)
    return {
      get open () { return link.open },
      get writable () { return link.writable },
      get inFlightCount () { return link.inFlightCount },
      produce (batches, timeoutMs, told) {
        const changed = meddle(batches, told, world)
        link.produce(changed.batches, timeoutMs, changed.listener)
      },
      metadata (topics, told) { link.metadata(topics, told) },
      initProducerId (told) { link.initProducerId(told) },
      close (reason) { link.close(reason) }
    }
  }
  return { links }
}

/** The batch with other bytes from `at` on, and a checksum that fits again. */
function rewritten (batch: ProduceBatch, at: number, content: Buffer): ProduceBatch {
  const bytes = Buffer.from(batch.bytes)
  content.copy(bytes, at)
  bytes.writeUInt32BE(checksum(bytes, 21), 17)
  return { topic: batch.topic, partition: batch.partition, bytes }
}

/** Producer id, epoch and sequence number, all -1: a producer that is not idempotent. */
const nobody = Buffer.alloc(14, 0xff)
const producerIdAt = 43
/** The last byte of the last value, where the record has no headers. */
const fromEndBytes = 2
const wrong = Buffer.from([0x55])

const nothing: ProduceResult = { code: 0, baseOffset: -1, invalidRecords: [], leader: undefined }

/** A broker that takes every sequence number. */
export const uncheckedSequences: Plant = { rules: { checksSequences: false } }

/** A core that sends without numbers: what is sent again comes behind what was sent meanwhile. */
export const reorderedRetries = meddling((batches, listener) => ({
  batches: batches.map(batch => rewritten(batch, producerIdAt, nobody)), listener
}))

/** A core that believes in the answer before it is there. */
export const earlySettling = meddling((batches, listener, { clock }) => {
  clock.soon(() => {
    listener.answered(batches.map(() => nothing))
  })
  return { batches, listener: { answered: () => {}, unanswered: () => {} } }
})

/** A core that takes a lost answer for a refusal. */
export const forgottenDoubt = meddling((batches, listener) => ({
  batches,
  listener: {
    answered (results) { listener.answered(results) },
    unanswered () { listener.answered(batches.map(() => ({ ...nothing, code: 19 }))) }
  }
}))

/** A core that sends other bytes than it was given. */
export const changedBytes = meddling((batches, listener) => ({
  batches: batches.map(batch => rewritten(batch, batch.bytes.length - fromEndBytes, wrong)), listener
}))

/** A core that settles some tickets twice, and others never. */
export const miscounted: Plant = {
  settler: (settler: Settler) => ({
    settle (ticket: number, outcome: Outcome) {
      if (ticket % 10 === 7) return
      settler.settle(ticket, outcome)
      if (ticket % 10 === 3) settler.settle(ticket, outcome)
    }
  })
}
