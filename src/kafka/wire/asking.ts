// A connection to one broker for a few questions, each a promise: for those who look at a cluster and do not produce.

import type { BrokerAddress, ClusterMetadata, ProducerId } from '../broker-link.ts'
import { apis } from './apis.ts'
import { Link } from './link.ts'
import type { LinkOptions } from './link.ts'
import { readMetadata, writeMetadata } from './metadata.ts'
import { readTopicSettings, writeTopicSettings } from './topic-settings.ts'
import type { TopicSettings } from './topic-settings.ts'

/** Rejects with the error that the broker answered, or that ended the connection. */
export interface Asking {
  /** With what this user may do with each topic. */
  metadata (topics: readonly string[]): Promise<ClusterMetadata>
  initProducerId (): Promise<ProducerId>
  topicSettings (topics: readonly string[], names: readonly string[]): Promise<readonly TopicSettings[]>
  close (): void
}

/** Connects, shakes hands over TLS and logs in, as a producer does. */
export function openAsking (address: BrokerAddress, options: LinkOptions): Promise<Asking> {
  return new Promise((resolve, reject) => {
    const link = new Link(address, {
      opened: () => { resolve(askingOver(link)) },
      drained: () => {},
      closed: reject
    }, options)
  })
}

/** Asks, and makes a promise of what is told. */
function promised<Answer> (ask: (told: (answer: Answer | Error) => void) => void): Promise<Answer> {
  return new Promise((resolve, reject) => {
    ask(answer => {
      if (answer instanceof Error) reject(answer)
      else resolve(answer)
    })
  })
}

function askingOver (link: Link): Asking {
  return {
    metadata: topics => promised(told => {
      link.ask({
        api: apis.metadata, read: readMetadata,
        write: (writer, version) => { writeMetadata(writer, version, topics, true) }
      }, told)
    }),
    initProducerId: () => promised(told => { link.initProducerId(told) }),
    topicSettings: (topics, names) => promised(told => {
      link.ask({
        api: apis.describeConfigs, read: readTopicSettings,
        write: writer => { writeTopicSettings(writer, topics, names) }
      }, told)
    }),
    close: () => { link.close(new Error('no more questions')) }
  }
}
