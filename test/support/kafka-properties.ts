// Writes the server.properties of each node of a Kafka rig: listeners, KRaft roles, ACLs, and limits that start fast.
export interface KafkaUser {
  readonly name: string
  readonly password: string
}

export interface BrokerPorts {
  readonly plaintext: number
  readonly ssl: number
  readonly sasl: number
}

export interface NodeLayout {
  readonly nodeId: number
  readonly dataDirectory: string
  readonly isController: boolean
  /** Absent on a node that is a controller only. */
  readonly ports?: BrokerPorts
}

export interface ClusterLayout {
  readonly brokerCount: number
  readonly controllerId: number
  readonly controllerPort: number
  /** Where sockets are bound: 127.0.0.1, or 0.0.0.0 inside a container whose ports are published on 127.0.0.1. */
  readonly bindAddress: string
  readonly keystorePath: string
  readonly users: readonly KafkaUser[]
  readonly brokerSessionMs: number
  /** Whether KRaft keeps SCRAM users; without it the SASL listener knows PLAIN only. */
  readonly scram: boolean
  /** Properties that win over everything here, on every node. */
  readonly config: Readonly<Record<string, string>>
}

/** The user that may do everything over SASL; over the plaintext listener everybody may. */
export const ADMIN_USER: KafkaUser = { name: 'admin', password: 'admin-secret' }

function plainJaas(users: readonly KafkaUser[]): string {
  const entries = users.map((user) => `user_${user.name}="${user.password}"`)
  return `org.apache.kafka.common.security.plain.PlainLoginModule required ${entries.join(' ')};`
}

function listenerProperties(cluster: ClusterLayout, node: NodeLayout): Record<string, string> {
  const bound: string[] = []
  const advertised: string[] = []
  if (node.ports !== undefined) {
    const named = { PLAINTEXT: node.ports.plaintext, SSL: node.ports.ssl, SASL_SSL: node.ports.sasl }
    for (const [name, port] of Object.entries(named)) {
      bound.push(`${name}://${cluster.bindAddress}:${port}`)
      advertised.push(`${name}://127.0.0.1:${port}`)
    }
  }
  if (node.isController) bound.push(`CONTROLLER://${cluster.bindAddress}:${cluster.controllerPort}`)
  return {
    'listeners': bound.join(','),
    ...(advertised.length > 0 ? { 'advertised.listeners': advertised.join(',') } : {}),
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL',
    'controller.listener.names': 'CONTROLLER',
    'controller.quorum.voters': `${cluster.controllerId}@127.0.0.1:${cluster.controllerPort}`
  }
}

function securityProperties(cluster: ClusterLayout): Record<string, string> {
  const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule required;'
  return {
    'inter.broker.listener.name': 'PLAINTEXT',
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': cluster.keystorePath,
    'sasl.enabled.mechanisms': cluster.scram ? 'SCRAM-SHA-512,SCRAM-SHA-256,PLAIN' : 'PLAIN',
    ...(cluster.scram
      ? {
          'listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config': scram,
          'listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config': scram
        }
      : {}),
    'listener.name.sasl_ssl.plain.sasl.jaas.config': plainJaas([ADMIN_USER, ...cluster.users])
  }
}

function sizeProperties(cluster: ClusterLayout): Record<string, string> {
  const replicas = cluster.brokerCount >= 3 ? 3 : 1
  const inSync = replicas === 3 ? 2 : 1
  return {
    'auto.create.topics.enable': 'false',
    'num.partitions': '3',
    'default.replication.factor': String(replicas),
    'min.insync.replicas': String(inSync),
    'offsets.topic.num.partitions': '3',
    'offsets.topic.replication.factor': String(replicas),
    'transaction.state.log.num.partitions': '3',
    'transaction.state.log.replication.factor': String(replicas),
    'transaction.state.log.min.isr': String(inSync),
    'share.coordinator.state.topic.num.partitions': '3',
    'share.coordinator.state.topic.replication.factor': String(replicas),
    'share.coordinator.state.topic.min.isr': String(inSync),
    'group.initial.rebalance.delay.ms': '0',
    'num.network.threads': '2',
    'num.io.threads': '4',
    'background.threads': '2',
    'log.cleaner.dedupe.buffer.size': '4194304',
    // A killed broker may register again only when its old session is over (9 s unless told), and a cluster notices
    // a dead leader no sooner.
    'broker.session.timeout.ms': String(cluster.brokerSessionMs),
    'broker.heartbeat.interval.ms': String(Math.max(100, Math.floor(cluster.brokerSessionMs / 6)))
  }
}

/** The text of server.properties for one node. */
export function serverProperties(cluster: ClusterLayout, node: NodeLayout): string {
  const roles = [...(node.ports === undefined ? [] : ['broker']), ...(node.isController ? ['controller'] : [])]
  const properties: Record<string, string> = {
    'process.roles': roles.join(','),
    'node.id': String(node.nodeId),
    'log.dirs': node.dataDirectory,
    ...listenerProperties(cluster, node),
    ...(node.ports === undefined ? {} : securityProperties(cluster)),
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users': `User:ANONYMOUS;User:${ADMIN_USER.name}`,
    'allow.everyone.if.no.acl.found': 'false',
    ...sizeProperties(cluster),
    ...cluster.config
  }
  return Object.entries(properties).map(([name, value]) => `${name}=${value}\n`).join('')
}

/** What Kafka wants in one PEM key store: the private key, then the chain. */
export function pemKeystore(pems: { readonly key: string, readonly cert: string, readonly ca: string }): string {
  return [pems.key, pems.cert, pems.ca].map((pem) => pem.trim()).join('\n') + '\n'
}

/** Arguments of StorageTool that create the users' SCRAM credentials in both strengths. */
export function scramArguments(users: readonly KafkaUser[]): string[] {
  return users.flatMap((user) => ['SCRAM-SHA-512', 'SCRAM-SHA-256'].flatMap((mechanism) =>
    ['--add-scram', `${mechanism}=[name=${user.name},password=${user.password}]`]))
}

/** Logging of the broker: to its standard output, which the rig keeps in a file. */
export const LOG4J_PROPERTIES = [
  'status=error',
  'appender.out.type=Console',
  'appender.out.name=out',
  'appender.out.layout.type=PatternLayout',
  'appender.out.layout.pattern=%d{HH:mm:ss.SSS} %p %c{1} %m%n',
  'rootLogger.level=${sys:rig.log.level:-info}',
  'rootLogger.appenderRef.out.ref=out',
  ''
].join('\n')
