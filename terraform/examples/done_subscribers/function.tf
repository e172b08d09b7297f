# A function that prints each event into its log. CloudFormation takes its code inline; a zip file would need a build.

resource "aws_cloudformation_stack" "printer" {
  # checkov:skip=CKV_AWS_124:Terraform itself waits for the stack and shows its failure
  name         = "doorbell-done-printer"
  capabilities = ["CAPABILITY_IAM"]

  template_body = jsonencode({
    Resources = {
      Role = {
        Type = "AWS::IAM::Role"
        Properties = {
          AssumeRolePolicyDocument = {
            Version   = "2012-10-17"
            Statement = [{ Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole" }]
          }
          ManagedPolicyArns = [{ "Fn::Sub" = "arn:$${AWS::Partition}:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole" }]
        }
      }
      Printer = {
        Type = "AWS::Lambda::Function"
        Properties = {
          Runtime = "python3.13"
          Handler = "index.handler"
          Timeout = 10
          Role    = { "Fn::GetAtt" = ["Role", "Arn"] }
          Code    = { ZipFile = local.printer }
        }
      }
      AdmitTopic = {
        Type = "AWS::Lambda::Permission"
        Properties = {
          FunctionName = { Ref = "Printer" }
          Action       = "lambda:InvokeFunction"
          Principal    = "sns.amazonaws.com"
          SourceArn    = var.done_topic_arn
        }
      }
      Subscription = {
        Type       = "AWS::SNS::Subscription"
        DependsOn  = "AdmitTopic"
        Properties = { TopicArn = var.done_topic_arn, Protocol = "lambda", Endpoint = { "Fn::GetAtt" = ["Printer", "Arn"] } }
      }
    }
  })
}

locals {
  # An event can come twice: a function that acts on it drops ids that it has seen.
  printer = <<-PYTHON
    import json

    def handler(notification, context):
        for record in notification["Records"]:
            event = json.loads(record["Sns"]["Message"])
            data = event["customData"]
            print(event["context"]["id"], data["project"], data["ref"], data["status"])
  PYTHON
}
