/** One request to the API, as docs/api/http.md describes it. */

export type ErrorOfField = {
  message: string;
  path?: (string | number)[];
  extensions: { code: string; requestId?: string; retryAfter?: number };
};

export type Answer<Data> = { data: Data; errors: ErrorOfField[] };

/** A document that knows the types of its answer and variables (GraphQL Code Generator makes them). */
export type Typed<Data, Variables> = { toString(): string; __apiType?: (variables: Variables) => Data };

/** The request itself was refused: nothing ran. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(`${status} ${code}: ${message}`);
  }
}

const MOST_TRIES = 3;

export class Api {
  constructor(
    private readonly address: string,
    private readonly token: string,
  ) {}

  /** The answer to a typed document. */
  send<Data, Variables extends object>(document: Typed<Data, Variables>, variables: Variables): Promise<Answer<Data>> {
    return this.ask<Data>(document.toString(), variables);
  }

  /** The answer. Its errors are those of single fields: each has a path to a null in the data. */
  async ask<Data>(query: string, variables: object): Promise<Answer<Data>> {
    for (let tries = 1; ; tries++) {
      const response = await fetch(`${this.address}/graphql`, {
        method: 'POST',
        headers: {
          accept: 'application/graphql-response+json',
          'accept-language': 'en',
          authorization: `Bearer ${this.token}`,
          'content-type': 'application/json',
        },
        body: JSON.stringify({ query, variables }),
      });
      if (response.status === 429 && tries < MOST_TRIES) {
        await later(Number(response.headers.get('retry-after') ?? '1'));
        continue;
      }
      const answer = (await response.json()) as { data?: Data | null; errors?: ErrorOfField[] };
      if (answer.data === undefined || answer.data === null) {
        const first = answer.errors?.[0];
        throw new Refused(response.status, first?.extensions.code ?? 'UNKNOWN', first?.message ?? '');
      }
      return { data: answer.data, errors: answer.errors ?? [] };
    }
  }
}

const later = (seconds: number) => new Promise((done) => setTimeout(done, seconds * 1000));
