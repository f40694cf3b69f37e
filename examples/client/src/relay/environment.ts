/** Relay's store over the API, without React. */

import { Environment, Network, RecordSource, Store } from 'relay-runtime';
import type { GraphQLResponse } from 'relay-runtime';

import type { Api } from '../http';

export function openEnvironment(api: Api): Environment {
  const network = Network.create(async (request, variables) => {
    if (request.text === null || request.text === undefined) throw new Error(`${request.name} has no text`);
    return (await api.ask(request.text, variables)) as GraphQLResponse;
  });
  return new Environment({ network, store: new Store(new RecordSource()) });
}
