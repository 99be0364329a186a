// Writes the text of a config from a few answers: commented, and valid as it stands.

/** What `sluice init` asks. */
export interface Answers {
  readonly sink: { readonly kind: 'journal' } | KafkaAnswers
  readonly topic: string
  /** `sha256:...` of a key that was made; undefined: everyone may send. */
  readonly keyHash: string | undefined
  /** Path or URL of the JSON Schema for editors, where there is one. */
  readonly editorSchema: string | undefined
}

export interface KafkaAnswers {
  readonly kind: 'kafka'
  readonly brokers: readonly string[]
  /** true: certificates that this machine trusts; a text: a PEM file of authorities. */
  readonly tls: boolean | string
  readonly sasl: LoginAnswers | undefined
}

/** How to log in at Kafka. */
export interface LoginAnswers {
  readonly mechanism: string
  /** Settings of the mechanism by name, in the order in which they are written. */
  readonly settings: readonly (readonly [string, string])[]
  /** The secret that has to be put somewhere, and where, in words; undefined where there is none. */
  readonly provide: string | undefined
}

/** Settings that refer to a secret. */
const secretNames = ['password', 'token', 'clientSecret']

/** Text in YAML: in double quotes, which JSON's are as well. */
function quoted (text: string): string {
  return JSON.stringify(text)
}

export function renderConfig (answers: Answers): string {
  return [head(answers), sink(answers.sink), access(answers), routes(answers)].join('\n')
}

function head ({ editorSchema }: Answers): string {
  return `${editorSchema === undefined ? '' : `# yaml-language-server: $schema=${editorSchema}\n`}# Every key with its default: docs/config.md. Check this file with: sluice validate

listeners:                          # any number; the host is 127.0.0.1 unless named
  - { protocol: http, port: 8080 }
  - { protocol: health, port: 9902 }    # /livez, /readyz and /metrics
  # - { protocol: http, host: 0.0.0.0, port: 8443, tls: { cert: ./tls.crt, key: ./tls.key } }
`
}

function sink (answer: Answers['sink']): string {
  if (answer.kind === 'journal') {
    return `sink: journal                       # events stay on this machine; there is no Kafka
journal:
  dir: ./data/journal
  # bytesMax: 10GiB                 # at this size events are refused
`
  }
  const tls = typeof answer.tls === 'string' ? `{ ca: ${quoted(answer.tls)} }` : String(answer.tls)
  const lines = ['sink: kafka', 'kafka:', `  brokers: [ ${answer.brokers.map(quoted).join(', ')} ]`]
  lines.push(answer.tls === false ? '  # tls: true                       # or { ca: ./ca.pem }' : `  tls: ${tls}`)
  lines.push(...saslLines(answer.sasl))
  lines.push('  # producer: { lingerMs: 0, batchBytesMax: 1MiB }', '')
  return lines.join('\n')
}

function saslLines (sasl: KafkaAnswers['sasl']): string[] {
  if (sasl === undefined) {
    return ['  # sasl: { mechanism: scram-sha-512, username: sluice, password: "${env:KAFKA_PASSWORD}" }']
  }
  const note = '    # read when it is used, and never shown'
  const lines = sasl.settings.map(([name, value]) =>
    `    ${name}: ${quoted(value)}${secretNames.includes(name) ? note : ''}`)
  return ['  sasl:', `    mechanism: ${sasl.mechanism}`, ...lines]
}

function access ({ keyHash }: Answers): string {
  if (keyHash === undefined) {
    return `# Everyone who reaches a listener may send. To ask for keys: sluice key new, then
# principals:
#   - { name: first, credentials: [ { apiKey: "sha256:..." } ] }
# authentication:
#   - auth-api-key
`
  }
  return `principals:                         # more keys: sluice key new
  - name: first
    groups: [ senders ]
    credentials: [ { apiKey: "${keyHash}" } ]

authentication:
  - auth-api-key: { header: x-api-key }
`
}

function routes ({ topic, keyHash, sink: { kind } }: Answers): string {
  const acl = keyHash === undefined ? '' : '\n      - acl: { allow: [ "group:senders" ] }'
  const success = kind === 'kafka'
    ? 'kafka               # a success means: the in-sync replicas have it'
    : 'disk                # a success means: it is on the disk'
  return `policies:                           # for every route, in this order
  - payload-limit: { bytesMax: 256KiB }

routes:
  - name: ${quoted(topic)}
    channel: ${quoted(topic)}           # POST /v1/events/${topic}
    topic: ${quoted(topic)}
    ack: ${success}${acl === '' ? '' : `\n    policies:${acl}`}
  # - name: by-region
  #   channel: shops/{region}
  #   parameters: { region: { enum: [ eu, us ] } }
  #   topic: shops.{region}
`
}
