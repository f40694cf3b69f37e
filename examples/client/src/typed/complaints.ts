/** Complaints: what a rule refuses comes back in `userErrors`, and nothing was changed. */

import { graphql } from './__generated__';
import type { FileComplaintInput } from './__generated__/graphql';
import type { Api } from '../http';

const fileComplaint = graphql(`
  mutation FileComplaint($input: FileComplaintInput!) {
    fileComplaint(input: $input) {
      complaint {
        id
        version
        status
      }
      userErrors {
        code
        message
        path
      }
    }
  }
`);

const acknowledgeComplaint = graphql(`
  mutation AcknowledgeComplaint($input: AcknowledgeComplaintInput!) {
    acknowledgeComplaint(input: $input) {
      complaint {
        version
        status
      }
      userErrors {
        code
      }
    }
  }
`);

/** The complaint, or why there is none. */
export async function file(api: Api, input: FileComplaintInput) {
  const { data } = await api.send(fileComplaint, { input });
  const { complaint, userErrors } = data.fileComplaint ?? { complaint: null, userErrors: [] };
  return { complaint: complaint ?? null, refusals: userErrors.map(({ code, path }) => ({ code, path })) };
}

/** Acknowledges what was read as this version. Somebody else's change meanwhile is STALE_VERSION: read again. */
export async function acknowledge(api: Api, id: string, expectedVersion: number) {
  const { data } = await api.send(acknowledgeComplaint, { input: { id, expectedVersion } });
  const { complaint, userErrors } = data.acknowledgeComplaint ?? { complaint: null, userErrors: [] };
  return { status: complaint?.status ?? null, refusals: userErrors.map(({ code }) => code) };
}
