// The peer sqs-consumer: starts a build for each request, or reports the builds of events to the forge.
import { BatchGetBuildsCommand, CodeBuildClient, StartBuildCommand } from "@aws-sdk/client-codebuild";
import { SQSClient } from "@aws-sdk/client-sqs";
import { Consumer } from "sqs-consumer";

const { PEER_MODE, PEER_QUEUE_URL, PEER_BUILD_PROJECT, PEER_FORGE_URL, PEER_FORGE_TOKEN } = process.env;
const codebuild = new CodeBuildClient({});

async function startBuild(message) {
  const envelope = JSON.parse(message.Body);
  const request = JSON.parse(envelope.Message);
  await codebuild.send(
    new StartBuildCommand({
      projectName: PEER_BUILD_PROJECT,
      idempotencyToken: envelope.MessageId,
      environmentVariablesOverride: [
        { name: "DOORBELL_PROJECT", value: request.project },
        { name: "DOORBELL_REF", value: `refs/heads/${request.branch}` },
        { name: "DOORBELL_COMMIT", value: request.commit },
      ],
    }),
  );
}

async function postFlag(build) {
  const commit = build.environment.environmentVariables.find((variable) => variable.name === "DOORBELL_COMMIT").value;
  const statuses = { SUCCEEDED: "success", FAILED: "failure", STOPPED: "canceled" };
  const status = build.buildComplete ? (statuses[build.buildStatus] ?? "error") : "pending";
  const response = await fetch(`${PEER_FORGE_URL}/api/0/demo/c/${commit}/flag`, {
    method: "POST",
    headers: { authorization: `token ${PEER_FORGE_TOKEN}` },
    body: new URLSearchParams({
      username: "peer",
      comment: build.buildStatus,
      url: build.logs.deepLink,
      status,
      uid: build.id.slice(-32),
    }),
  });
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`the forge answers ${response.status}`);
}

// Messages whose handling succeeded are returned: sqs-consumer deletes them, the others come back.
async function handled(messages, handle) {
  const results = await Promise.allSettled(messages.map(handle));
  return messages.filter((_, index) => results[index].status === "fulfilled");
}

async function reportEvents(messages) {
  const idOf = (message) => JSON.parse(message.Body).detail["build-id"].split("build/")[1];
  const { builds } = await codebuild.send(new BatchGetBuildsCommand({ ids: [...new Set(messages.map(idOf))] }));
  const byId = new Map(builds.map((build) => [build.id, build]));
  return handled(messages, (message) => postFlag(byId.get(idOf(message))));
}

const consumer = Consumer.create({
  queueUrl: PEER_QUEUE_URL,
  sqs: new SQSClient({}),
  batchSize: 10,
  waitTimeSeconds: 20,
  handleMessageBatch: PEER_MODE === "events" ? reportEvents : (messages) => handled(messages, startBuild),
});
for (const event of ["error", "processing_error", "timeout_error"]) {
  consumer.on(event, (error) => console.error(error.message));
}
consumer.start();
