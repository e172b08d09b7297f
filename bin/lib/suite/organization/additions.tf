module "key_policy" {
  source = "../terraform/modules/key_policy"

  name       = "doorbell"
  region     = "eu-central-1"
  account_id = "111122223333"
}

output "key_policy" {
  value = module.key_policy.json
}
