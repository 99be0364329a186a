// Asks a gateway whether it is ready.

export interface Ready {
  /** Of the answer over HTTP. */
  readonly code: number
  readonly status: string
  readonly reasons: readonly string[]
}

export async function readyz (healthPort: number): Promise<Ready> {
  const response = await fetch(`http://127.0.0.1:${healthPort}/readyz`)
  return { code: response.status, ...await response.json() as { status: string, reasons: string[] } }
}
