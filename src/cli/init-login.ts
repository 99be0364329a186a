// The questions of `sluice init` about the login at Kafka: what each SASL mechanism needs to know.

import type { LoginAnswers } from './init-config.ts'

export interface LoginOptions {
  readonly sasl?: string
  readonly username?: string
  readonly passwordEnv?: string
  readonly passwordFile?: string
  readonly tokenUrl?: string
  readonly clientId?: string
  readonly scope?: string
  readonly region?: string
  readonly roleArn?: string
  readonly profile?: string
}

/** Answers one question; an empty answer is the default. */
export type Question = (text: string, standard: string) => Promise<string>

type LoginOption = Exclude<keyof LoginOptions, 'sasl'>

const byPassword: readonly LoginOption[] = ['username', 'passwordEnv', 'passwordFile']

/** What may be said of each mechanism. */
const optionsOf: Readonly<Record<string, readonly LoginOption[]>> = {
  'plain': byPassword,
  'scram-sha-256': byPassword,
  'scram-sha-512': byPassword,
  'oauthbearer': ['tokenUrl', 'clientId', 'scope', 'passwordEnv', 'passwordFile'],
  'aws-msk-iam': ['region', 'roleArn', 'profile']
}

export const mechanisms = Object.keys(optionsOf)

/** Mechanisms that send what is good for whoever reads it. */
export const sendsTokens = (mechanism: string): boolean => mechanism === 'oauthbearer' || mechanism === 'aws-msk-iam'

const none = 'none'
const machine = 'machine'

/** Options that were given, as they are written. */
function given (options: LoginOptions): readonly LoginOption[] {
  const all = new Set(Object.values(optionsOf).flat())
  return [...all].filter(name => options[name] !== undefined)
}

function flag (name: string): string {
  return `--${name.replaceAll(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`
}

/** Which options cannot be meant together, in words. */
export function loginContradiction (options: LoginOptions): string | undefined {
  const { sasl, passwordEnv, passwordFile, roleArn, profile, tokenUrl, clientId, scope } = options
  if (passwordEnv !== undefined && passwordFile !== undefined) return 'choose --password-env or --password-file'
  if (roleArn !== undefined && profile !== undefined) return 'choose --role-arn or --profile'
  const [first] = given(options)
  if (sasl === undefined) return first === undefined ? undefined : `to say ${flag(first)} you need --sasl MECHANISM`
  const strange = given(options).find(name => optionsOf[sasl]?.includes(name) === false)
  if (strange !== undefined) return `${flag(strange)} is nothing that --sasl ${sasl} needs`
  if (tokenUrl === undefined && (clientId ?? scope) !== undefined) return '--client-id and --scope need --token-url'
  return undefined
}

/** True where a login was asked for by an option. */
export function saysLogin (options: LoginOptions): boolean {
  return options.sasl !== undefined || given(options).length > 0
}

/** `usage` says which answer is missing. */
export async function askLogin (
  mechanism: string, options: LoginOptions, question: Question
): Promise<LoginAnswers | { readonly usage: string }> {
  if (mechanism === 'aws-msk-iam') return askAws(options, question)
  if (mechanism === 'oauthbearer') return askToken(options, question)
  const username = options.username ?? await question('User at Kafka', 'sluice')
  const { reference, place } = secretOf('KAFKA_PASSWORD', options)
  return { mechanism, settings: [['username', username], ['password', reference]], provide: `the Kafka password: ${place}` }
}

async function askToken (options: LoginOptions, question: Question): Promise<LoginAnswers> {
  const mechanism = 'oauthbearer'
  const url = options.tokenUrl ??
    await question(`URL where clients get their tokens (${none}: somebody else puts the token into a variable or file)`, none)
  if (url === none) {
    const { reference, place } = secretOf('KAFKA_TOKEN', options)
    return { mechanism, settings: [['token', reference]], provide: `the token for Kafka: ${place}` }
  }
  const clientId = options.clientId ?? await question('Client id there', 'sluice')
  const scope = options.scope ?? await question(`Scope to ask for (${none}: its default)`, none)
  const { reference, place } = secretOf('KAFKA_CLIENT_SECRET', options)
  return {
    mechanism, provide: `the client secret for ${url}: ${place}`,
    settings: [
      ['tokenUrl', url], ['clientId', clientId], ['clientSecret', reference],
      ...(scope === none ? [] : [['scope', scope]] as const)
    ]
  }
}

async function askAws (options: LoginOptions, question: Question): Promise<LoginAnswers | { readonly usage: string }> {
  const region = options.region ?? await question('AWS region of the cluster, such as us-east-1', '')
  if (region === '') return { usage: 'say in which AWS region the cluster is: --region REGION' }
  const whose = options.roleArn ?? options.profile ??
    await question(`AWS credentials (${machine}: those of this machine; or the ARN of a role, or a profile)`, machine)
  const name = options.profile === undefined && whose.startsWith('arn:') ? 'roleArn' : 'profile'
  const own = whose === machine && options.profile === undefined
  return { mechanism: 'aws-msk-iam', settings: [['region', region], ...(own ? [] : [[name, whose]] as const)], provide: undefined }
}

/** How the config names the secret, and where that is in words. */
function secretOf (
  variable: string, { passwordEnv = variable, passwordFile }: LoginOptions
): { readonly reference: string, readonly place: string } {
  return passwordFile === undefined
    ? { reference: `\${env:${passwordEnv}}`, place: `environment variable ${passwordEnv}` }
    : { reference: `\${file:${passwordFile}}`, place: `file ${passwordFile}` }
}
