// Looks at a Kafka cluster as this gateway will use it, and says in words what is wrong and what to type.

import type { ClusterMetadata, TopicMetadata } from './broker-link.ts'
import { answerOf, problemOf } from './classify.ts'
import { systemClock } from './clock.ts'
import { addressOf } from './config.ts'
import type { KafkaSettings } from './config.ts'
import { KafkaError } from './kafka-error.ts'
import { createSaslMechanism } from './sasl/index.ts'
import { openAsking } from './wire/asking.ts'
import type { Asking } from './wire/asking.ts'
import type { LinkOptions } from './wire/link.ts'
import type { TopicSettings } from './wire/topic-settings.ts'

/** One thing that was looked at. `advice`: what to do, or to type. */
export interface Finding {
  readonly level: 'ok' | 'warning' | 'error'
  readonly text: string
  readonly advice?: string | undefined
}

export interface Examined {
  readonly kafka: KafkaSettings
  readonly requestTimeoutMs: number
  /** Every topic that can be named before events come. */
  readonly topics: readonly string[]
  /** The largest event that a door takes. */
  readonly eventBytesMax: number
}

/** What a broker that has just begun says; and how long to wait before it is asked again. */
const startingTypes = new Set(['COORDINATOR_LOAD_IN_PROGRESS', 'COORDINATOR_NOT_AVAILABLE'])
const startingMs = 200
const noSuchTopic = 3
const topicDenied = 29
/** Bits of Kafka's AclOperation. */
const mayWrite = 1 << 4
const mayDescribe = 1 << 8
const replicasSetting = 'min.insync.replicas'
const sizeSetting = 'max.message.bytes'
/** What a record takes beside the data of its event, about: headers, and the batch around it. */
const overheadBytes = 2_048

/** Never throws for what Kafka or the network does: that is a finding. */
export async function examineKafka (examined: Examined): Promise<Finding[]> {
  return new Examination(examined).run()
}

class Examination {
  readonly #examined: Examined
  readonly #findings: Finding[] = []
  readonly #open = new Map<string, Asking>()
  readonly #linkOptions: LinkOptions

  constructor (examined: Examined) {
    const { kafka: { tls, sasl, clientId, connectionTimeoutMs }, requestTimeoutMs } = examined
    this.#examined = examined
    this.#linkOptions = {
      tls, sasl: createSaslMechanism(sasl), clientId: `${clientId}-doctor`, connectionTimeoutMs, requestTimeoutMs,
      clock: systemClock
    }
  }

  async run (): Promise<Finding[]> {
    try {
      for (const address of this.#examined.kafka.brokers) await this.#connect(address, '')
      const [asking] = this.#open.values()
      if (asking !== undefined) await this.#lookAt(asking)
    } catch (error) {
      // The connection broke in the middle.
      this.#find('error', problemOf(error).text)
    } finally {
      for (const asking of this.#open.values()) asking.close()
    }
    return this.#findings
  }

  #find (level: Finding['level'], text: string, advice?: string): void {
    this.#findings.push({ level, text, advice })
  }

  async #connect (broker: string, advice: string): Promise<void> {
    if (this.#open.has(broker)) return
    const { tls, sasl } = this.#examined.kafka
    try {
      this.#open.set(broker, await openAsking(addressOf(broker), this.#linkOptions))
      const how = [tls === undefined ? 'plaintext' : 'TLS', ...(sasl === undefined ? [] : [`logged in by ${sasl.mechanism}`])]
      this.#find('ok', `broker ${broker} answers (${how.join(', ')})`)
    } catch (error) {
      this.#find('error', `broker ${broker}: ${problemOf(error).text}`, advice === '' ? undefined : advice)
    }
  }

  async #lookAt (asking: Asking): Promise<void> {
    const { topics } = this.#examined
    const metadata = await asking.metadata(topics)
    await this.#lookAtBrokers(metadata)
    await this.#lookAtIdentity(asking)
    const there = metadata.topics.filter(topic => this.#lookAtTopic(topic))
    if (there.length === 0) return
    const settings = await asking.topicSettings(there.map(({ name }) => name), [replicasSetting, sizeSetting])
    for (const one of settings) this.#lookAtSettings(one, there.find(({ name }) => name === one.topic))
  }

  /** Producers connect to the addresses that the cluster tells, not to those of the config. */
  async #lookAtBrokers ({ brokers }: ClusterMetadata): Promise<void> {
    for (const { host, port } of brokers) {
      await this.#connect(`${host}:${port}`, 'the cluster itself names this address: make it reachable from here, or ' +
        'correct advertised.listeners of that broker')
    }
  }

  async #lookAtIdentity (asking: Asking): Promise<void> {
    const endMs = systemClock.nowMs() + this.#examined.requestTimeoutMs
    for (;;) {
      try {
        await asking.initProducerId()
        return this.#find('ok', 'Kafka gives this user a producer id: deliveries are idempotent')
      } catch (error) {
        const isStarting = error instanceof KafkaError && startingTypes.has(error.type)
        if (isStarting && systemClock.nowMs() < endMs) {
          await new Promise(resolve => { setTimeout(resolve, startingMs) })
          continue
        }
        const { cause, text } = problemOf(error)
        const advice = cause === 'access-denied' ? this.#grant('--cluster --operation IdempotentWrite') : undefined
        return this.#find('error', text, advice)
      }
    }
  }

  /** True where its settings are worth a look. */
  #lookAtTopic ({ name, code, partitions, rights }: TopicMetadata): boolean {
    if (code === noSuchTopic) {
      this.#find('error', `topic ${name} does not exist, and this gateway makes none`, this.#tool('kafka-topics.sh',
        `--create --topic ${name} --partitions 6 --replication-factor 3 --config ${replicasSetting}=2`))
      return false
    }
    if (code === topicDenied) {
      this.#find('error', `topic ${name} does not exist, or this user may not know of it`, this.#grantTopic(name))
      return false
    }
    if (code !== 0) {
      this.#find('error', `topic ${name}: Kafka answers ${answerOf(code).name}`)
      return false
    }
    if (rights !== undefined && (rights & mayWrite) === 0) {
      this.#find('error', `topic ${name}: this user may not write to it`, this.#grantTopic(name))
    } else if (rights !== undefined && (rights & mayDescribe) === 0) {
      this.#find('error', `topic ${name}: this user may not describe it`, this.#grantTopic(name))
    } else this.#find('ok', `topic ${name}: ${partitions.length} partitions, this user may write to them`)
    const leaderless = partitions.filter(({ leader }) => leader < 0).map(({ index }) => index)
    if (leaderless.length > 0) {
      this.#find('error', `topic ${name}: no leader for partition ${leaderless.join(', ')}`, 'start the brokers that hold it')
    }
    return true
  }

  #lookAtSettings ({ topic, code, settings }: TopicSettings, metadata: TopicMetadata | undefined): void {
    if (code !== 0) {
      const advice = code === topicDenied ? this.#grant(`--topic ${topic} --operation DescribeConfigs`) : undefined
      return this.#find('warning', `topic ${topic}: its settings cannot be read (${answerOf(code).name}), which writing ` +
        'does not need', advice)
    }
    const replicaCount = Math.min(...(metadata?.partitions ?? []).map(one => one.replicaCount ?? 1))
    this.#lookAtReplicas(topic, replicaCount, Number(settings.get(replicasSetting)))
    this.#lookAtSizes(topic, Number(settings.get(sizeSetting)))
  }

  #lookAtReplicas (topic: string, replicaCount: number, inSyncMin: number): void {
    const set = (value: number): string => this.#alter(topic, `${replicasSetting}=${value}`)
    if (inSyncMin > replicaCount) {
      this.#find('error', `topic ${topic}: ${replicasSetting} is ${inSyncMin} and it has ${replicaCount} replica(s): Kafka ` +
        'refuses every write', set(Math.max(1, replicaCount - 1)))
    } else if (replicaCount === 1) {
      this.#find('warning', `topic ${topic}: one replica: what is acknowledged is on one broker only`,
        'use a replication factor of 3 where losing a broker must not lose events')
    } else if (inSyncMin === 1) {
      this.#find('warning', `topic ${topic}: ${replicasSetting} is 1: an acknowledged event may be on one broker only`, set(2))
    } else if (inSyncMin === replicaCount) {
      this.#find('warning', `topic ${topic}: ${replicasSetting} is as large as its ${replicaCount} replicas: one broker that ` +
        'stops keeps it from being written', set(replicaCount - 1))
    } else this.#find('ok', `topic ${topic}: ${inSyncMin} of ${replicaCount} replicas have an event before its ack`)
  }

  #lookAtSizes (topic: string, messageBytesMax: number): void {
    const { kafka: { producer: { batchBytesMax } }, eventBytesMax } = this.#examined
    if (eventBytesMax + overheadBytes > messageBytesMax) {
      this.#find('warning', `topic ${topic}: ${sizeSetting} is ${messageBytesMax}, and a door takes events of ` +
        `${eventBytesMax} bytes: Kafka refuses the largest`,
      `rest: { bodyBytesMax: ${Math.max(0, messageBytesMax - overheadBytes)} }, or ` +
        this.#alter(topic, `${sizeSetting}=${eventBytesMax + overheadBytes}`))
    }
    if (batchBytesMax > messageBytesMax) {
      this.#find('warning', `topic ${topic}: ${sizeSetting} is ${messageBytesMax}: batches of up to ${batchBytesMax} bytes are ` +
        'refused once and then divided', `kafka: { producer: { batchBytesMax: ${messageBytesMax} } }`)
    }
  }

  #grantTopic (topic: string): string {
    return this.#grant(`--topic ${topic} --operation Write --operation Describe`)
  }

  #grant (what: string): string {
    const { sasl } = this.#examined.kafka
    const user = sasl !== undefined && 'username' in sasl ? sasl.username : 'NAME'
    return this.#tool('kafka-acls.sh', `--add --allow-principal User:${user} ${what}`)
  }

  #alter (topic: string, setting: string): string {
    return this.#tool('kafka-configs.sh', `--alter --entity-type topics --entity-name ${topic} --add-config ${setting}`)
  }

  #tool (name: string, words: string): string {
    return `${name} --bootstrap-server ${this.#examined.kafka.brokers[0] ?? ''} ${words}`
  }
}
