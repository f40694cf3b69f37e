/** Everything in turn; what came of it is one JSON object on stdout. */

import { Api, Refused } from './http';
import { listCustomers, readAgain } from './relay/Customers';
import { openEnvironment } from './relay/environment';
import { acknowledge, file } from './typed/complaints';
import { readStores } from './typed/stores';

function given(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`set ${name}`);
  return value;
}

async function refusal(api: Api) {
  try {
    await api.ask('{ viewer { nothing } }', {});
    return null;
  } catch (error) {
    if (error instanceof Refused) return { status: error.status, code: error.code };
    throw error;
  }
}

async function main() {
  const api = new Api(given('FORECOURT'), given('TOKEN'));
  const environment = openEnvironment(api);
  const listed = await listCustomers(environment, given('STORE'), 2);
  const first = listed.customers[0];
  if (!first) throw new Error('the store has no customers');
  const again = await readAgain(environment, first.id);

  const about = { storeId: listed.storeId, customerId: first.id, receivedAt: '2026-09-01T00:00:00Z' };
  const words = { record: 'COMPLAINT', area: 'SALES', kind: 'DELIVERY', text: 'The key was missing.' };
  const filed = await file(api, { ...about, ...words });
  const refused = await file(api, { ...about, ...words, severity: 'P9' });
  const { id, version } = filed.complaint ?? { id: '', version: 0 };
  const stale = await acknowledge(api, id, version + 1);
  const acknowledged = await acknowledge(api, id, version);

  const stores = await readStores(api);
  const nobody = await refusal(new Api(given('FORECOURT'), 'fct_wrong'));
  const unknown = await refusal(api);
  console.log(JSON.stringify({ listed, again, filed, refused, stale, acknowledged, stores, nobody, unknown }));
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
