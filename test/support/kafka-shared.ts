// Gives a test file the one Kafka of its test run, and says loudly when there is none.
import { kafkaClient } from './kafka-client.ts'
import type { KafkaClient } from './kafka-client.ts'
import { startKafka } from './kafka-rig.ts'
import type { KafkaAddresses } from './kafka-layout.ts'
import { findKafka } from './kafka-source.ts'
import type { KafkaSource } from './kafka-source.ts'
import { KAFKA_VERSION } from './kafka-versions.ts'
import type { KafkaVersion } from './kafka-versions.ts'

/** Where `test/run.ts` leaves the addresses of its rig, as JSON. */
export const SHARED_KAFKA_VARIABLE = 'SLUICE_TEST_KAFKA'

/** SASL users that the shared rig always has; neither has an ACL until a test grants one. */
export const SHARED_USERS = [
  { name: 'alice', password: 'alice-secret' },
  { name: 'bob', password: 'bob-secret' }
] as const

/** A Kafka that other test files use at the same time: nobody may kill it, and topics need names of their own. */
export interface SharedKafka extends KafkaAddresses, KafkaClient {
  /** Stops the rig if this file had to start one, else does nothing. */
  readonly stop: () => Promise<void>
}

/** What a test needs beyond plaintext; a cluster named by KAFKA_BROKERS offers none of it. */
export type KafkaFeature = 'plaintext' | 'tls' | 'sasl' | 'faults'

const sources = new Map<KafkaVersion, Promise<KafkaSource>>()

function source(version: KafkaVersion = KAFKA_VERSION): Promise<KafkaSource> {
  const found = sources.get(version) ?? findKafka(process.env, version)
  sources.set(version, found)
  return found
}

/**
 * Why tests that need `feature` cannot run with what was found: false when they can. Where `ci` is set a missing Kafka
 * is a failure, so this throws; a cluster of KAFKA_BROKERS without TLS is somebody's choice even there.
 */
export function skipReason(given: KafkaSource, feature: KafkaFeature, ci: boolean): string | false {
  if (given.kind === 'external' && feature !== 'plaintext') {
    return `KAFKA TESTS DID NOT RUN (${feature}): the cluster of KAFKA_BROKERS does not offer it to tests`
  }
  if (given.kind !== 'none') return false
  const line = `KAFKA TESTS DID NOT RUN (${feature}): ${given.reason}`
  if (ci) throw new Error(line)
  return line
}

/**
 * For the `skip` option of a test that needs Kafka: false when there is one, else the reason, said loudly on stderr.
 * Throws where `CI` is set and there is no Kafka at all. Name the version if the test starts a rig of another one.
 */
export async function skipWithoutKafka(
  feature: KafkaFeature = 'plaintext', version: KafkaVersion = KAFKA_VERSION
): Promise<string | false> {
  const reason = skipReason(await source(version), feature, (process.env.CI ?? '') !== '')
  if (reason !== false) process.stderr.write(`\n!!! ${reason}\n`)
  return reason
}

function externalAddresses(brokers: readonly string[]): KafkaAddresses {
  return { brokers, sslBrokers: [], saslBrokers: [], caPath: '', admin: { name: '', password: '' }, users: [] }
}

/** The Kafka of this test run: from `test/run.ts`, or KAFKA_BROKERS, or a rig of this file's own when it runs alone. */
export async function sharedKafka(): Promise<SharedKafka> {
  const given = process.env[SHARED_KAFKA_VARIABLE]
  const kafka = await source()
  if (given !== undefined || kafka.kind === 'external') {
    const addresses = given === undefined
      ? externalAddresses(kafka.kind === 'external' ? kafka.brokers : [])
      : JSON.parse(given) as KafkaAddresses
    return { ...addresses, ...kafkaClient(addresses.brokers), stop: async () => undefined }
  }
  return startKafka({ users: SHARED_USERS, brokerSessionMs: 9_000 })
}

/** What `test/run.ts` puts into the environment of the test files. */
export function sharedAddresses(rig: KafkaAddresses): string {
  const { brokers, sslBrokers, saslBrokers, caPath, admin, users } = rig
  return JSON.stringify({ brokers, sslBrokers, saslBrokers, caPath, admin, users } satisfies KafkaAddresses)
}
