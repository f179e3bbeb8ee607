"""What others are told of mails and their readers: webhooks, signed as Standard Webhooks asks for, and Google
Analytics."""
