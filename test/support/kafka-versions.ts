// What differs between the Kafka releases that the rig can start.

export interface KafkaRelease {
  /** The official image; releases before 3.7 have none. */
  readonly image: string | undefined
  /** SCRAM users kept by KRaft, made while formatting (KIP-900, since 3.5). Without it SASL_SSL knows PLAIN only. */
  readonly scram: boolean
  /** Kafka's console consumer, and the option that tells its formatter what to print. */
  readonly consoleConsumer: { readonly main: string, readonly formatterOption: string }
}

export const kafkaReleases = {
  '4.3.1': {
    image: 'apache/kafka:4.3.1',
    scram: true,
    consoleConsumer: {
      main: 'org.apache.kafka.tools.consumer.ConsoleConsumer', formatterOption: '--formatter-property'
    }
  },
  /** The first line of releases in which KRaft is for production (KIP-833). */
  '3.3.2': {
    image: undefined,
    scram: false,
    consoleConsumer: { main: 'kafka.tools.ConsoleConsumer', formatterOption: '--property' }
  }
} as const satisfies Readonly<Record<string, KafkaRelease>>

export type KafkaVersion = keyof typeof kafkaReleases

/** What tests get unless they ask for another one. */
export const KAFKA_VERSION: KafkaVersion = '4.3.1'
